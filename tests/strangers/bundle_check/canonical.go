package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"unicode/utf8"
)

type object = map[string]any

var (
	integer  = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	tooDeep  = errors.New("JSON is nested too deeply")
	maxDepth = 500
	// names that stand for a number wherever they are
	numbers = map[string]bool{
		"v": true, "n": true, "entry": true, "revision": true, "size": true,
		"first": true, "last": true, "after": true, "from": true, "to": true,
	}
)

// parse reads JSON of which no name stands twice and no number is a float.
func parse(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	value, err := parseValue(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON")
	}
	return value, nil
}

func parseValue(decoder *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, tooDeep
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return parseObject(decoder, depth)
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			one, err := parseValue(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		_, err := decoder.Token()
		return list, err
	}
	if number, ok := token.(json.Number); ok && !integer.MatchString(string(number)) {
		return nil, fmt.Errorf("%s is no integer", number)
	}
	return token, nil
}

func parseObject(decoder *json.Decoder, depth int) (any, error) {
	found := object{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, errors.New("a name that is no string")
		}
		if _, twice := found[key]; twice {
			return nil, fmt.Errorf("name %q stands twice", key)
		}
		if found[key], err = parseValue(decoder, depth+1); err != nil {
			return nil, err
		}
		if _, isBool := found[key].(bool); isBool && numbers[key] {
			return nil, fmt.Errorf("%q is true or false, not a number", key)
		}
	}
	_, err := decoder.Token()
	return found, err
}

// canonical reads a canonical JSON object: its bytes are what its value is written as.
func canonical(raw []byte) (object, error) {
	value, err := parse(raw)
	if err != nil {
		return nil, err
	}
	found, ok := value.(object)
	if !ok {
		return nil, errors.New("no JSON object")
	}
	if written, err := write(nil, found); err != nil || !bytes.Equal(written, raw) {
		return nil, errors.New("not canonical JSON")
	}
	if found["v"] != json.Number("1") {
		return nil, errors.New("not of version 1")
	}
	return found, nil
}

// write appends the canonical form of a value.
func write(to []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(to, "null"...), nil
	case bool:
		return fmt.Appendf(to, "%t", v), nil
	case json.Number:
		return append(to, v...), nil
	case string:
		return quote(to, v), nil
	case []any:
		return writeList(to, v)
	case object:
		return writeObject(to, v)
	}
	return nil, fmt.Errorf("%T has no canonical form", value)
}

func writeList(to []byte, list []any) (out []byte, err error) {
	out = append(to, '[')
	for i, one := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = write(out, one); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func writeObject(to []byte, from object) (out []byte, err error) {
	keys := make([]string, 0, len(from))
	for key := range from {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	out = append(to, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(quote(out, key), ':')
		if out, err = write(out, from[key]); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

var short = map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func quote(to []byte, text string) []byte {
	to = append(to, '"')
	for i := 0; i < len(text); i++ {
		c := text[i]
		if escape, ok := short[c]; ok {
			to = append(to, escape...)
		} else if c < 0x20 {
			to = fmt.Appendf(to, `\u%04x`, c)
		} else {
			to = append(to, c)
		}
	}
	return append(to, '"')
}

// at returns what lies on a path of names; nil where there is nothing.
func at(value any, path ...string) any {
	for _, name := range path {
		inner, ok := value.(object)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

// text returns a string on a path; "" where there is none.
func text(value any, path ...string) string {
	found, _ := at(value, path...).(string)
	return found
}

// number returns an integer that fits, on a path.
func number(value any, path ...string) (int64, bool) {
	found, ok := at(value, path...).(json.Number)
	if !ok {
		return 0, false
	}
	n, err := found.Int64()
	return n, err == nil
}
