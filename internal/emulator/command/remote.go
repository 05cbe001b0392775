package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// remote is a running emulator.
type remote struct {
	base   string
	client *http.Client
}

// connect finds the running emulator by EnvAddress. Only loopback addresses
// are taken: what is sent and received there is trusted.
func (p Program) connect() (*remote, error) {
	address := p.Getenv(EnvAddress)
	if address == "" {
		return nil, hinted("azdo-emulator serve --env-file emulator.env, then in this shell: . ./emulator.env",
			"no running emulator: %s is not set", EnvAddress)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Port() == "" || net.ParseIP(u.Hostname()) == nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		return nil, hinted("export "+EnvAddress+"=http://127.0.0.1:PORT", "%s is %q, not a loopback URL", EnvAddress, address)
	}
	return &remote{
		base:   "http://" + u.Host + "/_emulator/",
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second},
	}, nil
}

// call makes one control call. body and into may be nil.
func (r *remote) call(ctx context.Context, method, path string, body, into any) error {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.base+path, reader)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := r.client.Do(request)
	if err != nil {
		return hinted("azdo-emulator serve --env-file emulator.env, then in this shell: . ./emulator.env", "the emulator does not answer: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		if json.Unmarshal(data, &refused) == nil && refused.Error != "" {
			return errors.New(refused.Error)
		}
		return fmt.Errorf("the emulator answered %s", response.Status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data, into)
}
