package engage

import (
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

// Binding names of the app's configuration.
const (
	bindingSessions   = "CONVERSATION_SESSION"
	bindingRegistries = "FIRM_REGISTRY"
	bindingLedgers    = "FIRM_LEDGER"
	bindingPlatform   = "PLATFORM"
	bindingD1         = "ENGAGE"
)

// platformName is the name of the one Platform.
const platformName = "platform"

// databasePrefix stands before a firm's id in its database's name.
const databasePrefix = "engage-"

// varPlatformKey is the variable that holds the platform key, hashed.
const varPlatformKey = "PLATFORM_KEY"

// Limits of what clients may send. Texts are in bytes.
const (
	IDBytesMax         = 64 // of firms and sessions
	UserIDBytesMax     = 128
	NameBytesMax       = 512
	EmailBytesMax      = 254
	WordBytesMax       = 128 // roles, practice areas, ids of goals
	TitleBytesMax      = 512
	NotesBytesMax      = 4096
	ContentBytesMax    = 64 << 10
	KeyBytesMax        = 256
	AgentBytesMax      = 256 // a longer User-Agent is cut
	GoalsMax           = 100
	AliasesMax         = 32
	PartiesMax         = 200 // a conversation
	AssignmentsMax     = 1000
	FactsMax           = 50
	FactBytesMax       = 4096
	RecentMax          = 100 // messages that a state shows
	ListLimitDefault   = 50
	ListLimitMax       = 200
	ReadLimitDefault   = 100
	ReadLimitMax       = 1000
	ReportLimitDefault = 1000
	ReportLimitMax     = 5000
	ReportDaysMax      = 3650
	accessDays         = 30
)

// validID reports whether a firm or session may have this id. Firms' ids
// become names of databases, so nothing else gets that far.
func validID(id string) bool { return len(id) <= IDBytesMax && isWord(id) }

func isWord(id string) bool {
	for i := 0; i < len(id); i++ {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return id != ""
}

// sessionName is the name of a session's object.
func sessionName(firm, session string) string { return firm + "/" + session }

// splitName takes the name of a session's object apart.
func splitName(name string) (firm, session string, ok bool) {
	firm, session, ok = strings.Cut(name, "/")
	return firm, session, ok && validID(firm) && validID(session)
}

func sessionOf(env *edge.Env, firm, session string) *edge.Stub {
	return env.Namespace(bindingSessions).GetByName(sessionName(firm, session))
}

func registryOf(env *edge.Env, firm string) *edge.Stub {
	return env.Namespace(bindingRegistries).GetByName(firm)
}

func ledgerOf(env *edge.Env, firm string) *edge.Stub {
	return env.Namespace(bindingLedgers).GetByName(firm)
}

func platformOf(env *edge.Env) *edge.Stub {
	return env.Namespace(bindingPlatform).GetByName(platformName)
}

// databaseOf is the firm's database. firm has been checked.
func databaseOf(env *edge.Env, firm string) *edge.D1 {
	return env.D1Named(bindingD1, databasePrefix+firm)
}
