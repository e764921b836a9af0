// Reads DER files as a program in Go would, by its standard library alone: every object
// identifier, wherever it stands. Prints how many; fails at the first that can't be read.
package main

import (
	"encoding/asn1"
	"fmt"
	"os"
)

func fail(name string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	os.Exit(1)
}

// walk visits every element; octet strings too, as a time-stamp lies inside one.
func walk(name string, der []byte, certain bool) (identifiers int) {
	for len(der) > 0 {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			if certain {
				fail(name, err)
			}
			return
		}
		switch {
		case element.Class == asn1.ClassUniversal && element.Tag == asn1.TagOID:
			var identifier asn1.ObjectIdentifier
			if _, err := asn1.Unmarshal(element.FullBytes, &identifier); err != nil {
				fail(name, fmt.Errorf("object identifier %x: %w", element.Bytes, err))
			}
			identifiers++
		case element.IsCompound:
			identifiers += walk(name, element.Bytes, certain)
		case element.Tag == asn1.TagOctetString && len(element.Bytes) > 2 && element.Bytes[0] == 0x30:
			identifiers += walk(name, element.Bytes, false)
		}
		der = rest
	}
	return
}

func main() {
	for _, name := range os.Args[1:] {
		der, err := os.ReadFile(name)
		if err != nil {
			fail(name, err)
		}
		fmt.Println(walk(name, der, true))
	}
}
