# make demo    the main job, offline, narrated
# make test    every test
# make bench   measures, and writes docs/benchmarks.md
# make lint    gofmt, go vet, staticcheck, cross-builds
# make release writes archives, packages and their checksums for Linux into dist/
# make demo-shell  a shell with the emulator, to try everything by hand
# Each installs or builds what it needs (tools/need.sh), or says what is missing.

GO      ?= go
BIN     := bin
CACHE   ?= .cache
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/gitpatrol/patrol/internal/cli.version=$(VERSION)

export CGO_ENABLED ?= 0

.PHONY: all build demo demo-shell test race modules conformance gits browser packages lint cross bench man release install clean

all: build

build:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...
	$(GO) build -trimpath -o $(BIN)/demo/xdg-open ./demo/browser

demo: build
	tools/need.sh git openssh-client:ssh
	demo/demo.sh $(BIN)

demo-shell: build
	tools/need.sh git
	demo/shell.sh $(BIN)

test: lint race modules conformance gits browser packages

# The race detector needs cgo, and so a C compiler.
race:
	tools/need.sh git gcc libc6-dev:cc openssh-client:ssh pass gnupg:gpg curl gnome-keyring:gnome-keyring-daemon dbus:dbus-daemon libsecret-tools:secret-tool age
	CGO_ENABLED=1 $(GO) test -race -timeout 20m ./...

# Clients and servers nobody here wrote, each in a module of its own:
# Microsoft's Go SDK, Microsoft's MSAL, zitadel's OpenID provider.
modules:
	for m in azdosdk msal oidc; do (cd test/$$m && $(GO) test -count=1 ./...) || exit 1; done

# Git's own tests of credential helpers.
conformance: build
	test/conformance/all.sh $(CURDIR)/$(BIN)/git-credential-patrol

# The main stories with older and newer Gits.
gits:
	tools/gits.sh

# A person's way through the pages, by a real browser.
browser:
	tools/need.sh chromium openssl
	cd test/browser && $(GO) test -count=1 ./...

# What "make release" makes, installed into scratch directories.
packages:
	tools/need.sh git dpkg rpm
	cd tools/release && $(GO) test -count=1 ./...

lint: cross
	tools/lint.sh

cross:
	tools/cross.sh

bench: build
	$(GO) run ./bench $(BIN)

man:
	$(GO) run ./tools/man docs/man

# The version is Git's, unless it is given: make release VERSION=1.2.3
release:
	rm -rf dist
	cd tools/release && $(GO) run . $(if $(filter command,$(origin VERSION)),--version $(VERSION)) $(CURDIR) $(CURDIR)/dist

PREFIX ?= /usr/local
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 0755 $(BIN)/patrol $(BIN)/git-credential-patrol $(DESTDIR)$(PREFIX)/bin/
	install -m 0644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/

clean:
	rm -rf $(BIN) $(CACHE) dist
