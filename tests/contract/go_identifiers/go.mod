module example/identifiers

go 1.21
