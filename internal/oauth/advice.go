package oauth

// Advice returns one sentence about what to do, or "". Where there are several
// AADSTS numbers the first that is known counts.
func (e *Error) Advice() string {
	for _, n := range e.AADSTS {
		if s := aadsts(n); s != "" {
			return s
		}
	}
	switch e.Kind {
	case ErrSignIn:
		return "sign in again"
	case ErrDenied:
		return "sign in again and accept, or ask an administrator of the tenant why it is declined"
	case ErrRefused:
		return "check patrol.entraClientId and the tenant, or ask an administrator of the tenant"
	case ErrTemporary, ErrNetwork:
		return "try again later; nothing was lost"
	case ErrIssuer:
		return "do not go on in that browser window; start over"
	case ErrAccount:
		return "sign in again and choose the other account"
	case ErrTimeout:
		return "start over, and finish signing in within five minutes"
	case ErrPersonal:
		return "make a personal access token in the portal and give it to patrol login --pat"
	case ErrNoOrganization:
		return "check the name: it is the first word after https://dev.azure.com/"
	}
	return ""
}

// aadsts is what to do about an error number of Entra. The numbers are those of
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes;
// 90094 is the administrator's side of 65001, and 50147 and 501481 are ours to
// prevent.
func aadsts(n int) string {
	switch n {
	case 50011:
		return "the application's registration lacks the redirect http://localhost for public clients: add it, or unset patrol.entraClientId"
	case 50020, 50034:
		return "this account is not in the organization's tenant: choose another account, or ask to be invited"
	case 50057:
		return "this account is disabled: ask an administrator of the tenant"
	case 50058:
		return "the browser's session has ended: sign in again"
	case 50072, 50079:
		return "two-factor authentication must be set up for this account: sign in with the browser and follow it"
	case 50074, 50076, 50078:
		return "two-factor authentication is wanted anew: sign in with the browser"
	case 50105:
		return "an administrator must assign you to the application before you can use it"
	case 50126:
		return "the user name or password is wrong: sign in again"
	case 50133, 50173:
		return "the session was revoked, for example by a new password: sign in again"
	case 50147, 501481:
		return "the proof of the sign-in (PKCE) was not accepted: start over"
	case 50194:
		return "the application is for one tenant only: register it for several, or unset patrol.entraClientId"
	case 53000, 53001:
		return "the tenant admits managed devices only: sign in on one, or ask an administrator"
	case 53003, 530035:
		return "Conditional Access or security defaults of the tenant forbid this: ask an administrator, naming the correlation id"
	case 65001, 90094:
		return "the application has no consent yet: sign in and accept, or ask an administrator to grant it"
	case 65002:
		return "Microsoft has closed this application to Azure DevOps: register your own and set patrol.entraClientId"
	case 70000:
		return "what was to be renewed is not valid: sign in again"
	case 70008, 700082:
		return "the session has expired because it was not used: sign in again"
	case 70043:
		return "the tenant limits how long a session lasts: sign in again"
	case 70016:
		return "the code has not been entered yet: keep waiting"
	case 70018:
		return "that device code is not right: start over"
	case 70019:
		return "the device code has expired: start over"
	case 700016:
		return "the application is not in the organization's tenant: ask an administrator to add it, or unset patrol.entraClientId"
	case 500011:
		return "the tenant does not know Azure DevOps: the organization may belong to another tenant"
	case 7000215:
		return "the application's secret is wrong; patrol uses none: register it as a public client"
	case 700025:
		return "the application is a public client and must be given no secret"
	case 54005:
		return "that answer has been used already: start over"
	}
	return ""
}
