// Package provenance signs packed charts and verifies them, by PGP.
//
// Start at [ReadKeyring]; a [Keyring] verifies, and gives the [Signer] that signs.
// The files are helm's provenance files (.prov): a clear-signed text of the
// chart's metadata and of the digest of its archive, so either tool verifies what
// the other has signed.
//
// The package trusts nobody but the keys of the keyring that it is given, and
// knows nothing of where keyrings lie. It must not reach a cluster or a
// repository.
package provenance
