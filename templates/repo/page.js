// Comfort only: everything works without it.
"use strict";

// A button on every command copies it.
for (const figure of document.querySelectorAll(".commands figure")) {
	const button = document.createElement("button");
	button.type = "button";
	button.textContent = "Copy";
	button.addEventListener("click", async () => {
		await navigator.clipboard.writeText(figure.querySelector("code").textContent);
		button.textContent = "Copied";
		setTimeout(() => { button.textContent = "Copy"; }, 1500);
	});
	if (navigator.clipboard) figure.append(button);
}

// A slash goes to the search, as on the sites of code hosts.
document.addEventListener("keydown", (event) => {
	if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select, textarea")) {
		event.preventDefault();
		document.querySelector("input[type=search]").select();
	}
});

// A link to an object opens it.
function open() {
	const target = location.hash && document.getElementById(location.hash.slice(1));
	if (target instanceof HTMLDetailsElement) {
		target.open = true;
		target.scrollIntoView();
	}
}
addEventListener("hashchange", open);
open();
