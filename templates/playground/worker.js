// Runs the converter beside the page, on files that are in memory only.
"use strict";

// What Go asks of a file system, over a map from paths to their bytes. Paths are
// below /app; what is not there is answered as such, and nothing can be written
// but what goes to the console.
const files = new Map();
const opened = new Map();
let nextFile = 100;

const fault = (code) => Object.assign(new Error(code), { code });
const isFolder = (path) => path === "/" || [...files.keys()].some((name) => name.startsWith(path + "/"));
const clean = (path) => {
	const parts = [];
	for (const part of path.split("/")) {
		if (part === "..") parts.pop();
		else if (part !== "" && part !== ".") parts.push(part);
	}
	return "/" + parts.join("/");
};

function status(path) {
	const data = files.get(path);
	if (!data && !isFolder(path)) throw fault("ENOENT");
	return {
		dev: 0, ino: 0, mode: data ? 0o100644 : 0o040755, nlink: 1, uid: 0, gid: 0, rdev: 0,
		size: data ? data.length : 0, blksize: 4096, blocks: 0, atimeMs: 0, mtimeMs: 0, ctimeMs: 0,
		isDirectory: () => !data,
	};
}

const answer = (callback, work) => {
	let result;
	try { result = work(); } catch (error) { callback(error); return; }
	callback(null, result);
};

globalThis.process = { getuid: () => 0, getgid: () => 0, geteuid: () => 0, getegid: () => 0, getgroups: () => [], pid: 1, ppid: 0, umask: () => 0o22, cwd: () => "/app", chdir() { throw fault("ENOSYS"); } };
globalThis.fs = {
	constants: { O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_TRUNC: 512, O_APPEND: 1024, O_EXCL: 128, O_DIRECTORY: 65536 },
	writeSync(_, data) { console.log(new TextDecoder().decode(data)); return data.length; },
	write(file, data, offset, length, _, callback) { answer(callback, () => this.writeSync(file, data.subarray(offset, offset + length))); },
	open(path, flags, _, callback) {
		answer(callback, () => {
			path = clean(path);
			status(path);
			if (flags & 3) throw fault("EROFS");
			opened.set(nextFile, { path, at: 0 });
			return nextFile++;
		});
	},
	close(file, callback) { answer(callback, () => { opened.delete(file); }); },
	fstat(file, callback) { answer(callback, () => status(opened.get(file).path)); },
	stat(path, callback) { answer(callback, () => status(clean(path))); },
	lstat(path, callback) { answer(callback, () => status(clean(path))); },
	read(file, buffer, offset, length, position, callback) {
		answer(callback, () => {
			const open = opened.get(file);
			const data = files.get(open.path);
			if (!data) throw fault("EISDIR");
			const start = position ?? open.at;
			const part = data.subarray(start, start + length);
			buffer.set(part, offset);
			if (position === null || position === undefined) open.at += part.length;
			return part.length;
		});
	},
	readdir(path, callback) {
		answer(callback, () => {
			const below = clean(path) === "/" ? "/" : clean(path) + "/";
			return [...new Set([...files.keys()].filter((name) => name.startsWith(below)).map((name) => name.slice(below.length).split("/")[0]))].sort();
		});
	},
	readlink(_, callback) { callback(fault("EINVAL")); },
	fsync(_, callback) { callback(null); },
};
for (const name of ["chmod", "chown", "fchmod", "fchown", "ftruncate", "lchown", "link", "mkdir", "rename", "rmdir", "symlink", "truncate", "unlink", "utimes"]) {
	globalThis.fs[name] = (...args) => args.at(-1)(fault("EROFS"));
}

importScripts("wasm_exec.js");

const ready = (async () => {
	const go = new Go();
	const { instance } = await WebAssembly.instantiateStreaming(fetch("gantry.wasm"), go.importObject);
	go.run(instance).then(() => postMessage({ ended: true }));
})();

onmessage = async ({ data }) => {
	try {
		await ready;
		if (data.chart) {
			const packed = await gantryChart();
			postMessage(packed instanceof Error ? { error: packed.message } : { chart: packed });
			return;
		}
		files.clear();
		for (const [name, text] of data.files) files.set(clean("/app/" + name), typeof text === "string" ? new TextEncoder().encode(text) : new Uint8Array(text));
		const result = await gantryConvert(JSON.stringify({ dir: "/app", ...data.request }));
		postMessage(result instanceof Error ? { error: result.message } : { answer: JSON.parse(result) });
	} catch (error) {
		postMessage({ error: String(error) });
	}
};
