package oauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

// MaxWait is the longest a sign-in waits for the person (RFC 8252 section 8.3
// wants the listener open for no longer than needed).
const MaxWait = 5 * time.Minute

// Browser opens URLs for the person at this machine. One that also has a method
// Forward(host string, port int) string tells which command, typed where the
// person is, lets a browser there come back to this machine.
type Browser interface {
	// Open starts a browser at an https URL and returns without waiting for it.
	// The error wraps ErrNoBrowser.
	Open(ctx context.Context, url string) error
}

// SignIn is what one sign-in asks for. All of it may be empty.
type SignIn struct {
	// Account must be the one that signs in, or the error is ErrAccount. It is
	// the hint, too, if LoginHint is empty.
	Account string
	// LoginHint fills in the account, DomainHint skips the question where it
	// belongs (Entra: organizations, or a domain).
	LoginHint, DomainHint string
	// Prompt is sent as prompt: select_account on a first sign-in, so that a
	// browser that is signed in as somebody does not decide (OpenID Connect Core
	// 3.1.2.1).
	Prompt string
	// Claims is what a challenge or an earlier Error asked to be proved, JSON.
	Claims string
	// Wait is how long the person has; 0 and more than MaxWait mean MaxWait.
	Wait time.Duration
	// Browser is told to open the URL. nil: the person does.
	Browser Browser
	// Show, unless nil, is told where to sign in: at most once, by the goroutine
	// that called SignIn, and not at all when the answer came first.
	Show func(Invitation)
}

// Invitation is what to tell the person.
type Invitation struct {
	// URL is where to sign in, with any browser that can come back to this
	// machine.
	URL string
	// Opened says that a browser was started with it; the rest is for when none
	// appears.
	Opened bool
	// Reason is why no browser was started. It wraps ErrNoBrowser.
	Reason error
	// Host and Port are where the browser will come back to.
	Host string
	Port int
	// Forward is the command line that makes Host and Port of the machine with
	// the browser lead here; "" where none is needed or known.
	Forward string
}

func (s SignIn) hint() string {
	if s.LoginHint != "" {
		return s.LoginHint
	}
	return s.Account
}

func (s SignIn) wait() time.Duration {
	if s.Wait <= 0 || s.Wait > MaxWait {
		return MaxWait
	}
	return s.Wait
}

// SignIn lets a person sign in with a browser, and returns the tokens. It ends
// within Wait and MaxTimeout, or with ctx; then nothing listens any more.
func (c *Client) SignIn(ctx context.Context, s SignIn) (Tokens, error) {
	const op = "sign in"
	if s.Claims != "" && validClaims(s.Claims) == "" {
		return Tokens{}, &Error{Kind: ErrRefused, Op: op, Err: errors.New("the claims asked for are not a JSON object")}
	}
	// The sockets come first: a browser must find us, and nobody else.
	listeners, port, err := listen(ctx, c.provider.RedirectHost, listenTCP, hasLoopback6())
	if err != nil {
		return Tokens{}, err
	}
	redirect := &url.URL{Scheme: "http", Host: net.JoinHostPort(c.provider.RedirectHost, strconv.Itoa(port)), Path: c.provider.RedirectPath}
	t, err := newTransaction(c.config.Rand, redirect, wantsOpenID(c.provider))
	if err != nil {
		closeAll(listeners)
		return Tokens{}, fmt.Errorf("%s: %w", op, err)
	}
	r := newReceiver(t, listeners)
	defer r.close()
	answer, err := c.ask(ctx, s, t, r)
	if err != nil {
		return Tokens{}, err
	}
	tokens, err := c.conclude(ctx, s, t, answer)
	r.finish(ctx, outcome{tokens.Identity.Account, err}, c.pageTime)
	if err != nil {
		return Tokens{}, err
	}
	return tokens, nil
}

// ask sends the person to the provider and waits for the answer.
func (c *Client) ask(ctx context.Context, s SignIn, t *transaction, r *receiver) (response, error) {
	waiting, cancel := context.WithTimeout(ctx, s.wait())
	defer cancel()
	at, err := t.authorizeURL(c.provider, s)
	if err != nil {
		return response{}, &Error{Kind: ErrProvider, Op: "sign in", Err: err}
	}
	invited := make(chan Invitation, 1)
	go func() { invited <- invite(waiting, s.Browser, t.redirect, at) }()
	for {
		select {
		case answer := <-r.answers:
			return answer, nil
		case i := <-invited:
			if s.Show != nil {
				s.Show(i)
			}
		case err := <-r.failed:
			return response{}, listenError(errors.Join(errNoPort, err))
		case <-waiting.Done():
			if ctx.Err() != nil {
				return response{}, fmt.Errorf("sign in: %w", context.Cause(ctx))
			}
			return response{}, &Error{Kind: ErrTimeout, Op: "sign in", Err: fmt.Errorf("waited for %v", s.wait())}
		}
	}
}

// invite opens the browser, which can take a while, and says where to go.
func invite(ctx context.Context, b Browser, redirect *url.URL, at string) Invitation {
	i := Invitation{URL: at, Host: redirect.Hostname(), Reason: ErrNoBrowser}
	i.Port, _ = strconv.Atoi(redirect.Port())
	if b != nil {
		i.Reason = b.Open(ctx, at)
		i.Opened = i.Reason == nil
	}
	if f, ok := b.(interface{ Forward(string, int) string }); ok && !i.Opened {
		i.Forward = f.Forward(i.Host, i.Port)
	}
	return i
}

// conclude turns an answer into tokens.
func (c *Client) conclude(ctx context.Context, s SignIn, t *transaction, answer response) (Tokens, error) {
	if err := answer.check(c.provider); err != nil {
		return Tokens{}, err
	}
	tokens, err := c.redeem(ctx, t, answer.code, s.Claims)
	if err != nil {
		return Tokens{}, err
	}
	if err := tokens.Identity.isAccount(s.Account); err != nil {
		return Tokens{}, &Error{Kind: ErrAccount, Op: "sign in", Err: err}
	}
	return tokens, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}
