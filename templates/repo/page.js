// Comfort only: everything works without it.
"use strict";

// A button on every command copies it. Browsers have a clipboard for pages that came
// over HTTPS, or from this machine; for others the text is selected, and copied so.
async function copy(code) {
	try {
		await navigator.clipboard.writeText(code.textContent);
		return true;
	} catch {
		getSelection().selectAllChildren(code);
		return document.execCommand("copy");
	}
}
for (const figure of document.querySelectorAll(".commands figure")) {
	const button = document.createElement("button");
	button.type = "button";
	button.textContent = "Copy";
	button.setAttribute("aria-live", "polite");
	button.addEventListener("click", async () => {
		button.textContent = await copy(figure.querySelector("code")) ? "Copied" : "Selected";
		setTimeout(() => { button.textContent = "Copy"; }, 1500);
	});
	figure.querySelector("figcaption").after(button);
}

// A slash goes to the search, as on the sites of code hosts.
document.addEventListener("keydown", (event) => {
	if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select, textarea")) {
		event.preventDefault();
		document.querySelector("input[type=search]").select();
	}
});

// A link to an object opens it, in browsers that do not do so by themselves.
function open() {
	const target = location.hash && document.getElementById(location.hash.slice(1));
	const fold = target && target.closest("details");
	if (fold && !fold.open) {
		fold.open = true;
		target.scrollIntoView();
	}
}
addEventListener("hashchange", open);
open();

// Where not all tabs fit, the chosen one is in sight.
const chosen = document.querySelector(".tabs [aria-current]");
if (chosen) chosen.parentElement.scrollLeft = chosen.offsetLeft - chosen.parentElement.offsetLeft;
