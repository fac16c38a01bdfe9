//go:build js && wasm

// Command gantry-playground converts Compose files within a browser.
//
// It defines one function for the page, gantryConvert, from the text of a
// [playground.Request] to that of a [playground.Answer], and gantryChart, which
// packs the chart of the last answer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"syscall/js"

	"gantry/charts/archive"
	"gantry/convert/playground"
)

func main() {
	last := &playground.Answer{}
	js.Global().Set("gantryConvert", js.FuncOf(func(_ js.Value, args []js.Value) any {
		text := args[0].String()
		// Reading files waits for the page, which waits for this function to return:
		// so the work is done beside it, and the answer comes through a promise.
		return promise(func() any {
			var r playground.Request
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				return js.Global().Get("Error").New(err.Error())
			}
			last = playground.Convert(context.Background(), r)
			answer, err := json.Marshal(last)
			if err != nil {
				return js.Global().Get("Error").New(err.Error())
			}
			return string(answer)
		})
	}))
	js.Global().Set("gantryChart", js.FuncOf(func(js.Value, []js.Value) any {
		return promise(func() any {
			packed, err := pack(last)
			if err != nil {
				return js.Global().Get("Error").New(err.Error())
			}
			out := js.Global().Get("Uint8Array").New(len(packed))
			js.CopyBytesToJS(out, packed)
			return out
		})
	}))
	select {} // the functions live as long as the page
}

func promise(work func() any) js.Value {
	return js.Global().Get("Promise").New(js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve := args[0]
		go func() { resolve.Invoke(work()) }()
		return nil
	}))
}

func pack(a *playground.Answer) ([]byte, error) {
	c, err := archive.FromFiles(a.Files())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = archive.Pack(&b, c)
	return b.Bytes(), err
}
