# make demo    the main job, offline, narrated
# make test    every test
# make bench   measures, and writes docs/benchmarks.md
# make lint    gofmt, go vet, staticcheck, cross-builds
# Each installs or builds what it needs (tools/need.sh), or says what is missing.

GO      ?= go
BIN     := bin
CACHE   ?= .cache
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/gitpatrol/patrol/internal/cli.version=$(VERSION)

export CGO_ENABLED ?= 0

.PHONY: all build demo test race conformance sdk lint cross bench man install clean

all: build

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...

demo: build
	demo/demo.sh $(BIN)

test: lint race conformance sdk

# The race detector needs cgo, and so a C compiler.
race:
	tools/need.sh git gcc libc6-dev
	CGO_ENABLED=1 $(GO) test -race ./...

conformance: build
	test/conformance/all.sh $(CURDIR)/$(BIN)/git-credential-patrol

sdk:
	cd test/azdosdk && $(GO) test ./...

lint: cross
	tools/lint.sh

cross:
	tools/cross.sh

bench: build
	$(GO) run ./bench $(BIN)

man:
	$(GO) run ./tools/man docs/man

PREFIX ?= /usr/local
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 0755 $(BIN)/patrol $(BIN)/git-credential-patrol $(DESTDIR)$(PREFIX)/bin/
	install -m 0644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/

clean:
	rm -rf $(BIN) $(CACHE)
