// Package registry asks image registries what they know of the images of an
// application: the digest that a tag stands for, and what an image exposes,
// declares and runs.
//
// A [Client] fills what the rules may know ([rules.Image]). It is the one part of
// the conversion that reaches the network, and only when the user asks for it.
// Credentials are those of docker and its helpers. As with docker, registries of
// this machine may speak plain HTTP, and all others must speak TLS; their
// authorities may lie where docker looks for them.
//
// Registries are not trusted: what they send is limited in size and number, and
// content that has a digest is checked against it.
package registry
