// Package templates holds the files that gantry fills in or serves: the skeleton
// of charts. It has no code but what hands them out.
package templates
