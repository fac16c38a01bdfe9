// Package alias measures YAML before it is read. An alias stands for a value, and who
// reads YAML as JSON, as Helm does, writes that value out each time: a page of text can
// mean gigabytes so. Start at [Check]. It reads nothing but what it is given.
package alias
