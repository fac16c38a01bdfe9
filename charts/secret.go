package charts

import "gantry/charts/pattern"

// secretWords are the parts of a variable's name that say its value is secret.
var secretWords = pattern.Lazy(`(?i)(^|_)(PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|SECRETS|TOKEN|APIKEY|KEY|CREDENTIAL|CREDENTIALS|PRIVATE|DSN|HTPASSWD|SALT|ERLANG_COOKIE|MNEMONIC|SEED_PHRASE)(_|$|[0-9])|PASSWORD|SECRET|APIKEY`)

// publicSuffix marks variables that tell where a secret is, or how it is, not what it is.
var publicSuffix = pattern.Lazy(`(?i)_(FILE|PATH|DIR|URL|URI|ID|NAME|USER|TTL|EXPIRY|EXPIRATION|EXPIRES?|EXPIRES_IN|LIFETIME|DURATION|TIMEOUT|AGE|SECONDS|MINUTES|HOURS|DAYS|` +
	`LENGTH|SIZE|COUNT|LIMIT|MIN|MAX|ROUNDS|ALGORITHM|ALG|TYPE|FORMAT|POLICY|HEADER|PREFIX|ISSUER|AUDIENCE|ENABLED|DISABLED|REQUIRED|PUBLIC)$|PUBLIC_?KEY|^PWD$`)

// IsSecretName reports whether the name of a variable says that its value is a
// secret: DB_PASSWORD does, and DB_PASSWORD_FILE does not.
func IsSecretName(name string) bool {
	return secretWords().MatchString(name) && !publicSuffix().MatchString(name)
}
