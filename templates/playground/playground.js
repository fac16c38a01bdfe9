// The page of the playground: it hands what is typed to the worker and shows what
// comes back.
"use strict";

const page = document.querySelector(".playground");
const editor = page.querySelector("textarea");
const form = page.querySelector("form");
const state = page.querySelector("[data-state]");
const worker = new Worker(page.dataset.worker);
const extra = new Map(); // files that the Compose file refers to

const element = (tag, text, className) => {
	const e = document.createElement(tag);
	if (text) e.textContent = text;
	if (className) e.className = className;
	return e;
};

let busy = false, again = false, timer;

function convert() {
	if (busy) { again = true; return; }
	busy = true;
	worker.postMessage({
		files: [["compose.yaml", editor.value], ...extra],
		request: { file: "compose.yaml", expose: form.expose.value, networkPolicies: form.policies.checked },
	});
}

worker.onmessage = ({ data }) => {
	if (data.chart) { save(data.chart); return; }
	busy = false;
	if (data.error) state.textContent = data.error;
	else show(data.answer);
	if (again) { again = false; convert(); }
};
worker.onerror = (event) => { state.textContent = event.message || "The converter could not be loaded."; };

let name = "chart";

function show(answer) {
	name = answer.name || name;
	state.textContent = answer.error || answer.summary;
	page.classList.toggle("failed", Boolean(answer.error));
	const list = page.querySelector("#diagnostics ul");
	list.replaceChildren(...(answer.diagnostics || []).map(diagnostic));
	page.querySelector("#diagnostics .empty").hidden = list.children.length > 0;
	if (answer.error) { pick("diagnostics"); return; }
	page.querySelector("#picture").innerHTML = answer.picture; // made by gantry, which escapes what it draws
	page.querySelector("#manifests code").textContent = answer.manifests;
	page.querySelector("#chart .files").replaceChildren(...answer.chart.map((file) => {
		const details = element("details");
		const pre = element("pre");
		pre.append(element("code", file.text));
		details.append(element("summary", file.name), pre);
		return details;
	}));
}

function diagnostic(d) {
	const item = element("li", "", d.severity);
	const place = element("button", d.line ? `${d.line}:${d.column}` : "–");
	place.type = "button";
	place.addEventListener("click", () => go(d.line, d.column));
	item.append(place, " ", element("code", d.path), element("p", d.summary));
	if (d.hint) item.append(element("p", d.hint, "soft"));
	return item;
}

// go puts the cursor where a diagnostic points to.
function go(line, column) {
	if (!line) return;
	const lines = editor.value.split("\n");
	const at = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
	editor.focus();
	editor.setSelectionRange(at, at + Math.max(1, lines[line - 1].length - column + 1));
	editor.scrollTop = (line - 4) * parseFloat(getComputedStyle(editor).lineHeight);
}

function pick(id) {
	for (const tab of page.querySelectorAll("[role=tab]")) {
		const chosen = tab.getAttribute("aria-controls") === id;
		tab.setAttribute("aria-selected", chosen);
		tab.tabIndex = chosen ? 0 : -1;
		page.querySelector("#" + tab.getAttribute("aria-controls")).hidden = !chosen;
	}
}
for (const tab of page.querySelectorAll("[role=tab]")) {
	tab.addEventListener("click", () => pick(tab.getAttribute("aria-controls")));
	tab.addEventListener("keydown", (event) => {
		const next = { ArrowRight: tab.nextElementSibling, ArrowLeft: tab.previousElementSibling }[event.key];
		if (next) { next.focus(); next.click(); }
	});
}

function save(bytes) {
	const link = element("a");
	link.href = URL.createObjectURL(new Blob([bytes], { type: "application/gzip" }));
	link.download = name + "-0.1.0.tgz";
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
page.querySelector("[data-download]").addEventListener("click", () => worker.postMessage({ chart: true }));

// Files that are dropped: a Compose file goes into the editor, others beside it.
async function take(list) {
	for (const file of list) {
		if (file.size > 4 << 20) { state.textContent = file.name + " is larger than 4 MiB"; continue; }
		const path = file.webkitRelativePath.split("/").slice(1).join("/") || file.name;
		if (/^(docker-)?compose\.ya?ml$/.test(path) || (list.length === 1 && /\.ya?ml$/.test(path))) editor.value = await file.text();
		else extra.set(path, await file.arrayBuffer());
	}
	page.querySelector("[data-files]").textContent = extra.size ? "With " + [...extra.keys()].sort().join(", ") : "";
	convert();
}
form.files.addEventListener("change", () => take(form.files.files));
page.addEventListener("dragover", (event) => { event.preventDefault(); page.classList.add("over"); });
page.addEventListener("dragleave", () => page.classList.remove("over"));
page.addEventListener("drop", (event) => { event.preventDefault(); page.classList.remove("over"); take(event.dataTransfer.files); });

editor.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(convert, 250); });
form.addEventListener("change", (event) => { if (event.target !== form.files) convert(); });
pick("picture");
convert();
