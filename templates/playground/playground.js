// The page of the playground: it hands what is typed to the worker and shows what
// comes back.
"use strict";

const page = document.querySelector(".playground");
const editor = page.querySelector("textarea");
const form = page.querySelector("form");
const state = page.querySelector("[data-state]");
const added = page.querySelector("[data-files]");
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
	if (!worker) start();
	worker.postMessage({
		files: [["compose.yaml", editor.value], ...extra],
		request: { file: "compose.yaml", expose: form.expose.value, networkPolicies: form.policies.checked },
	});
}

let worker;

function start() {
	worker = new Worker(page.dataset.worker);
	worker.onmessage = ({ data }) => {
		if (data.chart) { save(data.chart); return; }
		busy = false;
		if (data.ended) fail("The converter has ended: it may have run out of memory. What is typed next starts it again.");
		else if (data.error) fail(data.error);
		else show(data.answer);
		if (data.ended) { worker.terminate(); worker = null; again = false; }
		if (again) { again = false; convert(); }
	};
	worker.onerror = (event) => { busy = false; fail(event.message || "The converter could not be loaded."); };
}

function fail(text) {
	state.textContent = text;
	page.classList.add("failed");
}

let name = "chart", shown = false;

function show(answer) {
	name = answer.name || name;
	state.textContent = answer.error ? answer.error + (shown ? ": picture, manifests and chart are those of before" : "") : answer.summary;
	page.querySelector("[data-download]").disabled = Boolean(answer.error);
	page.classList.toggle("failed", Boolean(answer.error));
	const list = page.querySelector("#diagnostics ul");
	list.replaceChildren(...(answer.diagnostics || []).map(diagnostic));
	page.querySelector("#diagnostics .empty").hidden = list.children.length > 0;
	page.querySelector("#tab-diagnostics span").textContent = list.children.length || "";
	if (answer.error) { pick("diagnostics"); return; }
	shown = true;
	page.querySelector("#picture").innerHTML = answer.picture; // made by gantry, which escapes what it draws
	page.querySelector("#manifests code").textContent = answer.manifests;
	page.querySelector("#chart .files").replaceChildren(...answer.chart.map((file) => {
		const details = element("details");
		const pre = element("pre");
		pre.tabIndex = 0;
		pre.append(element("code", file.text));
		details.append(element("summary", file.name), pre);
		return details;
	}));
}

function diagnostic(d) {
	const item = element("li");
	item.dataset.severity = d.severity;
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
		const all = tab.parentElement;
		const next = {
			ArrowRight: tab.nextElementSibling || all.firstElementChild, ArrowLeft: tab.previousElementSibling || all.lastElementChild,
			Home: all.firstElementChild, End: all.lastElementChild,
		}[event.key];
		if (next) { event.preventDefault(); next.focus(); next.click(); }
	});
}

function save(bytes) {
	const link = element("a");
	link.href = URL.createObjectURL(new Blob([bytes], { type: "application/gzip" }));
	link.download = name + "-0.1.0.tgz";
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
page.querySelector("[data-download]").addEventListener("click", () => worker?.postMessage({ chart: true }));

// Files that are dropped: a Compose file goes into the editor, others beside it.
async function take(list) {
	let refused = "";
	for (const file of list) {
		if (file.size > 4 << 20) { refused = file.name + " is larger than 4 MiB, and left out. "; continue; }
		const path = file.webkitRelativePath.split("/").slice(1).join("/") || file.name;
		if (/^(docker-)?compose\.ya?ml$/.test(path) || (list.length === 1 && /\.ya?ml$/.test(path))) editor.value = await file.text();
		else extra.set(path, await file.arrayBuffer());
	}
	tell(refused);
	convert();
}

// tell says which files there are besides the Compose file.
function tell(refused) {
	added.hidden = !refused && !extra.size;
	added.querySelector("span").textContent = refused + (extra.size ? "With " + [...extra.keys()].sort().join(", ") : "");
	added.querySelector("button").hidden = !extra.size;
}
added.querySelector("button").addEventListener("click", () => { extra.clear(); form.files.value = ""; tell(""); convert(); });
form.files.addEventListener("change", () => take(form.files.files));
page.addEventListener("dragover", (event) => { event.preventDefault(); page.classList.add("over"); });
page.addEventListener("dragleave", () => page.classList.remove("over"));
page.addEventListener("drop", (event) => { event.preventDefault(); page.classList.remove("over"); take(event.dataTransfer.files); });

editor.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(convert, 250); });
form.addEventListener("change", (event) => { if (event.target !== form.files) convert(); });
pick("picture");
convert();
