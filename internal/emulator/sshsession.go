package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// What the service says on standard error, each behind "remote: ":
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
const (
	sshNoShell  = "Shell access is not supported."
	sshNoAccess = "Public key authentication failed."
)

// sshSession is one session of a connection.
type sshSession struct {
	e        *Emulator
	channel  ssh.Channel
	wire     []byte // the key that signed in
	protocol string // of Git, such as "version=2"
}

// serve answers the requests of a session until something was run.
func (s *sshSession) serve(ctx context.Context, requests <-chan *ssh.Request) {
	defer s.channel.Close()
	for r := range requests {
		switch r.Type {
		case "env":
			var v struct{ Name, Value string }
			if ssh.Unmarshal(r.Payload, &v) == nil && v.Name == "GIT_PROTOCOL" && plainProtocol(v.Value) {
				s.protocol = v.Value
			}
			s.reply(r, true)
		case "shell":
			s.shell(r)
			return
		case "exec":
			var c struct{ Command string }
			if ssh.Unmarshal(r.Payload, &c) != nil {
				s.reply(r, false)
				return
			}
			s.reply(r, true)
			go ssh.DiscardRequests(requests)
			s.exit(s.exec(ctx, c.Command))
			return
		default:
			s.reply(r, false)
		}
	}
}

// reply answers a request that wants an answer.
func (s *sshSession) reply(r *ssh.Request, ok bool) {
	if r.WantReply {
		_ = r.Reply(ok, nil)
	}
}

// shell refuses a shell, by saying so as documented for "ssh -T": also to a
// key that nobody added, which fails with a repository only
// (https://github.com/MicrosoftDocs/azure-devops-docs/issues/12774).
func (s *sshSession) shell(r *ssh.Request) {
	entry := Request{Time: s.e.Now(), Method: methodSSH, Host: hostSSH, Path: "/", Credential: CredentialSSHKey, Status: http.StatusOK}
	if k, ok := s.key(); ok {
		entry.PAT = k.ID
	}
	s.e.log.record(entry)
	s.say(sshNoShell)
	// ssh forgets what it has not printed yet when its request fails: the
	// answer to a question shows that it has the text.
	_, _ = s.channel.SendRequest("keepalive@azdo-emulator", true, nil)
	s.reply(r, false)
}

// say writes a line as the service's.
func (s *sshSession) say(text string) {
	_, _ = io.WriteString(s.channel.Stderr(), "remote: "+text+"\r\n")
}

// exit ends the session with a code.
func (s *sshSession) exit(code uint32) {
	_, _ = s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
}

// key is the known, living key that signed in.
func (s *sshSession) key() (SSHKey, bool) {
	k, ok := s.e.sshKeys.find(s.wire)
	return k, ok && s.e.sshKeyLives(k)
}

// sshKeyLives reports whether a key's year is not over, or its organization
// does not mind.
func (e *Emulator) sshKeyLives(k SSHKey) bool {
	return k.status(e.Now()) == "active" || e.policies.org(k.organization).SSHExpiredWorks
}

// exec runs one of Git's two commands, behind the same rights as over HTTPS.
func (s *sshSession) exec(ctx context.Context, command string) uint32 {
	c := s.e.newSSHCall(command)
	entry := Request{Time: s.e.Now(), Method: methodSSH, Host: hostSSH, Path: c.path(), Service: c.service, Credential: CredentialSSHKey}
	k, ok := s.key()
	entry.PAT = k.ID
	var refusal string
	entry.Status, refusal = s.e.judgeSSH(c, k, ok)
	s.e.log.record(entry)
	if refusal != "" {
		s.say(refusal)
		return 1
	}
	return s.run(ctx, c)
}

// newSSHCall reads a command such as git-upload-pack 'v3/org/project/repo'.
func (e *Emulator) newSSHCall(command string) *gitCall {
	c := &gitCall{}
	service, argument, _ := strings.Cut(command, " ")
	if service == uploadPack || service == receivePack {
		c.service = service
	}
	argument = strings.Trim(strings.Trim(argument, " "), "'")
	parts := strings.Split(strings.TrimPrefix(argument, "/"), "/")
	if len(parts) != 4 || parts[0] != "v3" {
		return c
	}
	for i, p := range parts {
		if decoded, err := url.PathUnescape(p); err == nil {
			parts[i] = decoded
		}
	}
	c.name = parts[3]
	if c.org = e.world.org(parts[1]); c.org != nil {
		if p := c.org.project(parts[2]); p != nil {
			c.repo = p.repository(parts[3])
		}
	}
	return c
}

// path is the repository as the log shows it.
func (c *gitCall) path() string {
	if c.repo == nil {
		return "/"
	}
	return "/v3/" + url.PathEscape(c.org.name) + "/" + url.PathEscape(c.repo.project.name) + "/" + url.PathEscape(c.repo.name)
}

// judgeSSH decides about a command as serveGit does about a request, and
// returns a status for the log and why it is refused. A key has all scopes.
func (e *Emulator) judgeSSH(c *gitCall, k SSHKey, known bool) (int, string) {
	if !known || c.org == nil || c.service == "" || e.policies.org(c.org.name).SSHOff {
		return http.StatusUnauthorized, sshNoAccess
	}
	u := e.world.user(k.User)
	if !e.isMember(u, c.org) {
		return http.StatusUnauthorized, sshNoAccess
	}
	if c.org.stopped != "" {
		return http.StatusServiceUnavailable, "TF24668: The following team project collection is stopped: " + c.org.name + "."
	}
	c.caller = caller{credential: CredentialSSHKey, verdict: signedIn, user: u, scope: scopeFull, patID: k.ID}
	rights := c.rights()
	switch {
	case c.repo == nil || c.repo.disabled || !slices.Contains(rights, Read):
		return http.StatusNotFound, textNoRepository(c.name)
	case c.service == receivePack && !slices.Contains(rights, Contribute):
		return http.StatusForbidden, missingRight("GenericContribute", u.identity(c.org), "repository")
	}
	return http.StatusOK, ""
}

// run runs git itself over the session.
func (s *sshSession) run(ctx context.Context, c *gitCall) uint32 {
	cmd := exec.CommandContext(ctx, s.e.config.GitPath, strings.TrimPrefix(c.service, "git-"), "--strict", s.e.repositoryDir(c.repo))
	if c.service == receivePack {
		cmd.Args = slices.Delete(cmd.Args, 2, 3) // it has no --strict
	}
	cmd.Dir = s.e.config.Dir
	cmd.Env = slices.Concat(s.e.gitEnv(), hookEnv(c, c.rights()))
	if s.protocol != "" {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+s.protocol)
	}
	cmd.Stdout, cmd.Stderr = s.channel, s.channel.Stderr()
	cmd.WaitDelay = 5 * time.Second
	killTree(cmd)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.say("azdo-emulator: " + err.Error())
		return 1
	}
	go func() { // ends with the channel, which serve closes
		_, _ = io.Copy(in, s.channel)
		_ = in.Close()
	}()
	err = cmd.Wait()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() > 0 {
		return uint32(failed.ExitCode())
	}
	if err != nil {
		return 1
	}
	return 0
}
