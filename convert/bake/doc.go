// Package bake writes the builds of an application as a file for docker buildx
// bake: what Compose builds while it starts, and a cluster only pulls.
//
// [New] is the entry point. Each service with a build section is a target that
// gives its image the name under which the pods pull it, so that
//
//	docker buildx bake --push
//
// is all that lies between the conversion and kubectl apply.
//
// The file holds no secret values: build secrets are named, and arguments whose
// names say that they are secret are taken from the environment of the build.
package bake
