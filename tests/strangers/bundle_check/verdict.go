package main

import "fmt"

// A verdict is three-valued; what contradicts itself outweighs what cannot be shown.
type verdict int

const (
	intact verdict = iota
	unverifiable
	altered
)

var words = map[verdict]string{intact: "intact", unverifiable: "unverifiable", altered: "altered"}

// exits are the statuses of docs/formats.md, section 4.
var exits = map[verdict]int{intact: 0, altered: 3, unverifiable: 4}

// A finding is one reason not to say "intact".
type finding struct {
	verdict verdict
	text    string
}

func (f finding) Error() string { return f.text }

// wrong says that bytes contradict each other.
func wrong(format string, args ...any) error { return finding{altered, fmt.Sprintf(format, args...)} }

// unsure says that nothing shows what has to be shown.
func unsure(format string, args ...any) error {
	return finding{unverifiable, fmt.Sprintf(format, args...)}
}

// A report collects one line a check.
type report struct {
	worst verdict
	quiet bool
}

func (r *report) line(check string, findings []error) {
	if len(findings) == 0 {
		r.print("intact", check, "")
		return
	}
	for _, one := range findings {
		found, ok := one.(finding)
		if !ok {
			found = finding{altered, one.Error()}
		}
		r.worst = max(r.worst, found.verdict)
		r.print(words[found.verdict], check, ": "+found.text)
	}
}

func (r *report) print(word, check, rest string) {
	if !r.quiet {
		fmt.Printf("%-12s  %s%s\n", word, check, rest)
	}
}
