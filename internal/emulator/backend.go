package emulator

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// runBackend hands a request to "git http-backend", a CGI program (RFC 3875;
// https://git-scm.com/docs/git-http-backend). net/http/cgi is not used
// because it refuses chunked bodies, which large pushes have.
func (e *Emulator) runBackend(c *gitCall, rights []Right) {
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, e.config.GitPath, "http-backend")
	cmd.Dir = e.config.Dir
	cmd.Env = slices.Concat(e.gitEnv(), e.cgiEnv(c), hookEnv(c, rights))
	cmd.Stdin = c.r.Body
	cmd.WaitDelay = 5 * time.Second // for a grandchild that holds the pipes
	killTree(cmd)
	// Git answers while it still reads, for example with progress.
	if err := http.NewResponseController(c.rec).EnableFullDuplex(); err != nil {
		e.backendFailed(c.rec, err)
		return
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		e.backendFailed(c.rec, err)
		return
	}
	started, copyErr := copyCGI(c.rec, out)
	if copyErr != nil {
		cancel()
	}
	waitErr := cmd.Wait()
	switch {
	case started && (copyErr != nil || waitErr != nil && !errors.Is(waitErr, exec.ErrWaitDelay)):
		panic(http.ErrAbortHandler) // too late for a status: let the client see a broken reply
	case !started:
		e.backendFailed(c.rec, errors.Join(copyErr, waitErr))
	}
}

// backendFailed reports what should not happen.
func (e *Emulator) backendFailed(w http.ResponseWriter, err error) {
	writePlain(w, http.StatusInternalServerError, "azdo-emulator: git http-backend: "+err.Error())
}

// gitEnv is the environment of every git process: the machine's and the
// user's configuration must not change what the emulator does.
func (e *Emulator) gitEnv() []string {
	return []string{
		"PATH=" + strings.Join([]string{filepath.Dir(e.config.GitPath), "/usr/local/bin", "/usr/bin", "/bin"}, string(os.PathListSeparator)),
		"HOME=" + e.config.Dir,
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=safe.directory",
		"GIT_CONFIG_VALUE_0=*",
	}
}

// cgiEnv is the request as http-backend reads it. The repository is named by
// its id, and path and query are made anew from what the gate has checked:
// http-backend would take the last of several "service" parameters.
func (e *Emulator) cgiEnv(c *gitCall) []string {
	h := c.r.Header
	env := []string{
		"GATEWAY_INTERFACE=CGI/1.1",
		"GIT_PROJECT_ROOT=" + e.repositoryRoot(),
		"GIT_HTTP_EXPORT_ALL=1",
		"REQUEST_METHOD=" + c.r.Method,
		"PATH_INFO=/" + c.repo.id + ".git/" + c.rest,
		"QUERY_STRING=service=" + c.service,
		"CONTENT_TYPE=" + h.Get("Content-Type"),
		"HTTP_CONTENT_ENCODING=" + h.Get("Content-Encoding"),
	}
	if c.r.ContentLength >= 0 && c.r.Method == http.MethodPost {
		env = append(env, "CONTENT_LENGTH="+strconv.FormatInt(c.r.ContentLength, 10))
	}
	if protocol := h.Get("Git-Protocol"); plainProtocol(protocol) {
		env = append(env, "GIT_PROTOCOL="+protocol)
	}
	if c.caller.user != nil {
		env = append(env, "REMOTE_USER="+c.caller.user.upn)
	}
	return env
}

// plainProtocol accepts what Git itself sends, such as "version=2".
func plainProtocol(s string) bool {
	return s != "" && len(s) < 100 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '=' && r != ':' && r != '-'
	})
}

// copyCGI copies a CGI reply: header lines, then the body as it comes.
// started says whether the status has been sent.
func copyCGI(w http.ResponseWriter, out io.Reader) (started bool, err error) {
	reader := bufio.NewReader(out)
	header, err := textproto.NewReader(reader).ReadMIMEHeader()
	if err != nil {
		return false, err
	}
	status := http.StatusOK
	if line := header.Get("Status"); line != "" {
		code, _, _ := strings.Cut(line, " ")
		if status, err = strconv.Atoi(code); err != nil {
			return false, err
		}
		header.Del("Status")
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	return true, copyFlushing(w, reader)
}

// copyFlushing copies and flushes after each read, so that progress is seen
// while it happens.
func copyFlushing(w http.ResponseWriter, r io.Reader) error {
	flusher := http.NewResponseController(w)
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			if err := flusher.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
