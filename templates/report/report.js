"use strict";
// The page works without this script, which adds three comforts: links open what
// they lead to, boxes show their neighbours, and there is a search.
(() => {
	const show = () => {
		const target = document.getElementById(location.hash.slice(1));
		for (let at = target; at; at = at.parentElement) {
			if (at.tagName === "DETAILS") at.open = true;
		}
		if (target) target.scrollIntoView({ block: "center" });
	};
	addEventListener("hashchange", show);
	if (location.hash) show();

	const picture = document.querySelector(".picture");
	if (picture) {
		const boxes = [...picture.querySelectorAll(".box")];
		const lanes = [...picture.querySelectorAll(".lane")].filter((lane) => lane.dataset.from);
		const list = (text) => text.split(" ");
		const light = (box) => {
			const id = box.dataset.box;
			const near = new Set([id]);
			for (const lane of lanes) {
				const from = list(lane.dataset.from), to = list(lane.dataset.to);
				const on = from.includes(id) || to.includes(id);
				lane.classList.toggle("on", on);
				if (from.includes(id)) to.forEach((other) => near.add(other));
				if (to.includes(id)) from.forEach((other) => near.add(other));
			}
			for (const other of boxes) other.classList.toggle("on", near.has(other.dataset.box));
			picture.classList.add("lit");
		};
		const dark = () => picture.classList.remove("lit");
		for (const box of boxes) {
			box.addEventListener("pointerenter", () => light(box));
			box.addEventListener("pointerleave", dark);
			box.addEventListener("focusin", () => light(box));
			box.addEventListener("focusout", dark);
		}
	}

	const search = document.getElementById("search");
	search.closest("label").hidden = false;
	search.addEventListener("input", () => {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		for (const item of document.querySelectorAll(".line, .object")) {
			const text = item.textContent.toLowerCase();
			item.classList.toggle("missed", !words.every((word) => text.includes(word)));
		}
	});
	addEventListener("keydown", (event) => {
		if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey && !event.altKey) {
			event.preventDefault();
			search.focus();
		}
	});
})();
