// Command gantry-image packs gantry as a container image, without a container engine: the
// binary, the certificates of public authorities and nothing else. make image calls it:
//
//	make image                                        # bin/gantry-image.tar, for docker load, podman load, skopeo
//	make image PUSH=registry.example.org/gantry:0.1.0 # to a registry, with the login of docker
//
// The same binary makes the same bytes.
package main
