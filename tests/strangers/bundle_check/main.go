// Bundle-check verifies an evidence bundle of Chartrier by what docs/formats.md says of it.
//
// It shares no line with the verifier in the bundle, and was written without reading it.
package main

import (
	"fmt"
	"os"
	"time"
)

const usage = "usage: bundle-check BUNDLE --trust trust.json"

func main() {
	path, trust := "", ""
	for arguments := os.Args[1:]; len(arguments) > 0; arguments = arguments[1:] {
		switch {
		case arguments[0] == "--trust" && len(arguments) > 1:
			trust, arguments = arguments[1], arguments[1:]
		case path == "":
			path = arguments[0]
		default:
			path, trust = "", ""
		}
	}
	if path == "" || trust == "" {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	expected, err := readTrust(trust)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", trust, err)
		os.Exit(2)
	}
	files, err := load(path)
	result := &report{}
	if err != nil {
		if _, judged := err.(finding); !judged {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		result.line("bundle", []error{err})
	} else {
		check(files, expected, time.Now(), result)
	}
	fmt.Printf("verdict: %s\n", words[result.worst])
	os.Exit(exits[result.worst])
}
