module chartrier/tests/strangers

go 1.22
