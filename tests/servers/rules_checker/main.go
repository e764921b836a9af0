// Reads alert rules as Prometheus does and prints what they ask; with "-", expressions from standard input, one a line.
// Output: one JSON object a rule or expression: {"alert", "expr", "metrics"}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

type asked struct {
	Alert   string   `json:"alert"`
	Expr    string   `json:"expr"`
	Metrics []string `json:"metrics"`
}

func tell(alert, expr string) error {
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return fmt.Errorf("%s: %w", expr, err)
	}
	found := asked{Alert: alert, Expr: expr, Metrics: []string{}}
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			found.Metrics = append(found.Metrics, selector.Name)
		}
		return nil
	})
	return json.NewEncoder(os.Stdout).Encode(found)
}

func run(path string) error {
	if path == "-" {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if err := tell("", lines.Text()); err != nil {
				return err
			}
		}
		return lines.Err()
	}
	groups, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	for _, err := range errs {
		return err
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if err := tell(rule.Alert, rule.Expr); err != nil {
				return err
			}
		}
	}
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
