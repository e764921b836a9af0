package main

import (
	"io/fs"
	"os"
	"path/filepath"
)

// load returns the files of a bundle by name: of a zip as it came, or of a folder.
func load(path string) (map[string][]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return loadZip(raw)
	}
	found := map[string][]byte{}
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return wrong("%s is no file", name)
		}
		inner, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		found[filepath.ToSlash(inner)], err = os.ReadFile(name)
		return err
	})
	return found, err
}
