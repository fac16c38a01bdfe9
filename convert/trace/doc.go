// Package trace finds what the variables of Compose files decide, so that a chart
// can offer them as values: ${TAG:-1.4.0} becomes a value TAG.
//
// No rule of the conversion knows of variables. [Variables] asks the conversion
// instead: it converts again with another value for each variable, and compares
// the objects. Where a text has the other value in place of the present one, and
// nothing else changed, a chart can put the value of the moment there. A variable
// that does more than that (it moves a mount, makes a service a StatefulSet, is
// counted in megabytes) stays as it is, and [Found] says so.
package trace
