// Command release builds patrol for Linux and makes of it what people install:
// archives, Debian packages and RPMs, with a list of what is in them. The same
// source, version and time give the same bytes, wherever and whenever it runs.
// Run it with "make release".
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit code: 0 done, 1 failed, 2 a mistake in the command line.
func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var r release
	flags.StringVar(&r.version, "version", "", "the version, such as 1.2.3; Git says it otherwise")
	epoch := flags.String("time", os.Getenv("SOURCE_DATE_EPOCH"), "the time of all files, in Unix seconds: by default that of the last commit")
	arches := flags.String("arch", "amd64,arm64", "the processors to build for")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: release [--version V] [--time SECONDS] [--arch LIST] SOURCE DIST\nSOURCE is patrol's checkout, DIST an empty or new directory.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	r.arches = strings.Split(*arches, ",")
	unknown := func(arch string) bool { return rpmArch(arch) == "" }
	if flags.NArg() != 2 || slices.ContainsFunc(r.arches, unknown) {
		flags.Usage()
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	r.source, r.dist, r.log = flags.Arg(0), flags.Arg(1), stderr
	if err := r.make(ctx, *epoch); err != nil {
		fmt.Fprintln(stderr, "release:", err)
		return 1
	}
	return 0
}

// release is one run.
type release struct {
	source, dist string
	version      string
	time         time.Time
	arches       []string
	log          io.Writer
}

func (r *release) make(ctx context.Context, epoch string) error {
	if err := r.settle(ctx, epoch); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	if old, err := os.ReadDir(r.dist); err != nil || len(old) > 0 {
		return fmt.Errorf("%s is not an empty directory\nhint: remove it, or name another: %w", r.dist, errorOr(err, os.ErrExist))
	}
	made := map[string][]byte{}
	for _, arch := range r.arches {
		fmt.Fprintf(r.log, "release: patrol %s of %s for linux/%s\n", r.version, r.time.Format(time.RFC3339), arch)
		if err := r.pack(ctx, arch, made); err != nil {
			return err
		}
	}
	return r.write(made)
}

// settle finds the version and the time, and says what Git has to say about
// them.
func (r *release) settle(ctx context.Context, epoch string) error {
	if r.version == "" || epoch == "" {
		d, err := describe(ctx, r.source)
		if err != nil {
			return fmt.Errorf("%w\nhint: make release VERSION=1.2.3 SOURCE_DATE_EPOCH=SECONDS, where there is no Git checkout", err)
		}
		for _, note := range d.notes {
			fmt.Fprintln(r.log, "release: note:", note)
		}
		if r.version == "" {
			r.version = d.version
		}
		if epoch == "" {
			epoch = d.time
		}
	}
	r.version = strings.TrimPrefix(r.version, "v")
	if !validVersion(r.version) {
		return fmt.Errorf("%q cannot be the version of a package\nhint: it begins with a digit and holds letters, digits, and . + ~", r.version)
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 {
		return fmt.Errorf("%q is no time in Unix seconds\nhint: SOURCE_DATE_EPOCH=$(git log -1 --format=%%ct)", epoch)
	}
	r.time = time.Unix(seconds, 0).UTC()
	return nil
}

// pack adds to made the files for one processor.
func (r *release) pack(ctx context.Context, arch string, made map[string][]byte) error {
	work, err := os.MkdirTemp("", "patrol-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	c, err := r.contents(ctx, arch, work)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("patrol_%s_linux_%s", r.version, arch)
	made[name+".cdx.json"] = c.sbom
	if made[name+".tar.gz"], err = r.tarball(name, c.files); err != nil {
		return err
	}
	if made[fmt.Sprintf("patrol_%s_%s.deb", r.version, arch)], err = r.deb(arch, c.files); err != nil {
		return err
	}
	made[fmt.Sprintf("patrol-%s-1.%s.rpm", r.version, rpmArch(arch))], err = r.rpm(arch, c.files)
	return err
}

// write puts everything into dist, with the list of checksums that sha256sum
// --check reads.
func (r *release) write(made map[string][]byte) error {
	var sums strings.Builder
	for _, name := range sortedKeys(made) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(made[name]), name)
	}
	made["SHA256SUMS"] = []byte(sums.String())
	for _, name := range sortedKeys(made) {
		if err := os.WriteFile(filepath.Join(r.dist, name), made[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintf(r.log, "release: %s, %.1f MB\n", filepath.Join(r.dist, name), float64(len(made[name]))/1e6)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
