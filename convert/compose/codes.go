package compose

import "gantry/convert/schema"

// Codes of the diagnostics of this package. They are stable: people search for
// them and filter by them.
const (
	// codeNoFile: no Compose file was found, or one that was named is missing.
	codeNoFile = "no-compose-file"
	// codeUnreadable: a file exists and cannot be taken for a Compose file.
	codeUnreadable = "file-unreadable"
	// codeOutside: a file that another names is none of the application's.
	codeOutside = "file-outside"
	// codeLimit: a file is larger, deeper or wider than anything that people write.
	codeLimit = "limit"
	// codeEnvFile: a line of an env file is not KEY=value.
	codeEnvFile = "env-file-syntax"
	// codeSyntax: a file is not YAML.
	codeSyntax = "yaml-syntax"
	// codeDuplicate: a mapping has one key twice.
	codeDuplicate = "duplicate-key"
	// codeType: a value has the wrong type or form.
	codeType = schema.CodeType
	// codeValue: a value has the right type and means nothing.
	codeValue = schema.CodeValue
	// codeVariableUnset: a variable has no value and no default.
	codeVariableUnset = "variable-unset"
	// codeVariableRequired: a variable that must be set is not.
	codeVariableRequired = "variable-required"
	// codeVariableSyntax: a $ begins no variable.
	codeVariableSyntax = "variable-syntax"
	// codeUndefined: a name refers to nothing.
	codeUndefined = "undefined"
	// codeCycle: services wait for each other in a circle, or files include each
	// other.
	codeCycle = "cycle"
	// codeConflict: two keys contradict each other.
	codeConflict = "conflict"
	// codeIncomplete: something is missing that must be there.
	codeIncomplete = schema.CodeIncomplete
	// codeCompose: compose-go refuses the files for a reason of its own.
	codeCompose = "compose"
)
