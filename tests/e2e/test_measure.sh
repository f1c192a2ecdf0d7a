#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# assay measure against the tools that people have: sha256sum and fsverity, for files and for directories.
. "$(dirname "$0")/lib.sh"
world_open
T=$W/tree
mkdir -p "$T/a/b" "$T/z"
printf one >"$T/a/b/one"
printf two >"$T/a.b"
printf three >"$T/a/three"
head -c 300000 /dev/urandom >"$T/z/large"
: >"$T/empty"

# What a tool says of the same files, in bytewise order of their paths.
files_of() { find "$1" -type f | LC_ALL=C sort; }
same() { # NAME: $W/want and $W/out
	cmp -s "$W/want" "$W/out" || { diff "$W/want" "$W/out"; die "$1"; }
	ok "$1"
}

files_of "$T" | xargs sha256sum >"$W/want"
expect 0 '' assay measure "$T"
same "measure__directory__as_sha256sum_prints_its_files"
expect 0 '' assay measure "$T///"
same "measure__directory_with_slashes_behind__the_same"
(cd "$T" && files_of . | xargs sha256sum) >"$W/want"
(cd "$T" && assay measure .) >"$W/out"
same "measure__the_directory_one_stands_in__relative_paths"
(cd "$T" && sha256sum --quiet --check "$W/out") || die "sha256sum --check"
ok "measure__directory__sha256sum_checks_it"
files_of "$T" | xargs fsverity digest >"$W/want"
expect 0 '' assay measure "$T" --digest fsverity
same "measure__directory_by_fsverity__as_fsverity_prints"
expect 0 '"kernel" *: *false' assay measure "$T/a.b" --digest fsverity --json
ok "measure__file_without_fsverity__not_the_kernels_word"

{ sha256sum "$T/a.b"; files_of "$T/a" | xargs sha256sum; sha256sum "$T/empty"; } >"$W/want"
expect 0 '' assay measure "$T/a.b" "$T/a" "$T/empty"
same "measure__files_and_directories__in_the_order_given"
ln -s tree "$T-link"
files_of "$T-link/" | sed 's,//,/,' | xargs sha256sum >"$W/want"
expect 0 '' assay measure "$T-link"
same "measure__link_given_by_hand__followed"

expect 0 '' assay measure "$T" "$T/a.b" --json
python3 - "$W/out" "$T" <<-'PYTHON' || die "JSON"
	import hashlib, json, os, sys
	answer, root = json.load(open(sys.argv[1])), sys.argv[2]
	names = sorted(os.path.relpath(os.path.join(d, f), root).encode() for d, _, fs in os.walk(root) for f in fs)
	digest = lambda name: hashlib.sha256(open(os.path.join(root.encode(), name), "rb").read()).hexdigest().encode()
	manifest = b"".join(digest(name) + b"  " + name + b"\n" for name in names)
	assert [f["path"] for f in answer["files"]] == [root + "/" + n.decode() for n in names] + [root + "/a.b"], answer
	(tree,) = answer["trees"]
	assert tree["manifest_digest"] == hashlib.sha256(manifest).hexdigest(), tree
	assert (tree["path"], tree["files"], tree["bytes"]) == (root, 5, 300011), tree
PYTHON
ok "measure__directory_as_json__manifest_digest_and_every_file"

# As for a component: what a manifest cannot say is refused; the other arguments are measured all the same.
mkdir "$T/none"
sha256sum "$T/a.b" >"$W/want"
expect 3 'none/: empty directory' assay measure "$T" "$T/a.b"
same "M9__empty_directory__refused_by_measure"
rmdir "$T/none"
ln -s a.b "$T/link"
expect 3 'link: is a symbolic link' assay measure "$T"
[ ! -s "$W/out" ] || die "a refused directory was printed"
rm "$T/link"
ok "M2__link_inside__refused_by_measure"
mkfifo "$T/z/fifo"
expect 3 'z/fifo: is a FIFO' timeout 10 assay measure "$T"
rm "$T/z/fifo"
ok "M5__fifo_inside__refused_by_measure"
expect 3 'nothing: No such file' assay measure "$W/nothing"
ok "measure__missing__not_found"
printf '%d passed, 0 failed\n' "$CHECKS"
