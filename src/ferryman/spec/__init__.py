"""Release file to model; every error at once, each with its place.

`parse` reads a file, `lint` warns, `revision` takes the digest of its content, `template` writes a first one,
`catalog` holds the examples, `schema` and `reference` describe it all. `table` is where every key is declared, once.
"""
