// SPDX-License-Identifier: Apache-2.0

// A log with programs not ours: golang.org/x/mod's note and tlog, Tessera's client and its storage, and the notes of
// transparency-dev. It reads logs that we write, and writes some for us to read.
//
//	verify DIR|URL VKEY [WITNESS-VKEY]     checkpoint, every tile, every leaf; prints the size
//	prove DIR|URL VKEY INDEX OLD           x/mod's and Tessera's proofs of one leaf and of one older tree, for us to check
//	check FILE VKEY LEAF-HASH              a C2SP tlog-proof of ours
//	make DIR ORIGIN COUNT                  a log by x/mod alone; prints its verifier key
//	tessera DIR ORIGIN COUNT               the same by Tessera
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type fetcher interface {
	ReadCheckpoint(context.Context) ([]byte, error)
	ReadTile(context.Context, uint64, uint64, uint8) ([]byte, error)
	ReadEntryBundle(context.Context, uint64, uint8) ([]byte, error)
}

var ctx = context.Background()

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

// The server's certificate is in LOG_CA.
func open(where string) fetcher {
	if !strings.HasPrefix(where, "https://") {
		return client.FileFetcher{Root: where}
	}
	pem, err := os.ReadFile(os.Getenv("LOG_CA"))
	fail(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	root, err := url.Parse(where)
	fail(err)
	f, err := client.NewHTTPFetcher(root, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}})
	fail(err)
	return f
}

// x/mod's reader of tiles over C2SP's layout, which has no height in its paths.
type tiles struct{ from fetcher }

func (t tiles) Height() int { return height }
func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range list {
		width := uint8(tile.W % (1 << height))
		data, err := t.from.ReadTile(ctx, uint64(tile.L), uint64(tile.N), width)
		if err != nil {
			return nil, err
		}
		out = append(out, data[:tile.W*tlog.HashSize])
	}
	return out, nil
}
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func checkpoint(from fetcher, vkey string) (tlog.Tree, note.Verifier, []byte) {
	verifier, err := note.NewVerifier(vkey)
	fail(err)
	raw, err := from.ReadCheckpoint(ctx)
	fail(err)
	return treeOf(raw, verifier), verifier, raw
}

func treeOf(raw []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(raw, note.VerifierList(verifier))
	fail(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail(errors.New("the checkpoint of another log"))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail(err)
	root, err := tlog.ParseHash(lines[2])
	fail(err)
	return tlog.Tree{N: size, Hash: root}
}

func verify(where, vkey, witness string) {
	from := open(where)
	tree, verifier, raw := checkpoint(from, vkey)
	reader := tlog.TileHashReader(tree, tiles{from})
	root, err := tlog.TreeHash(tree.N, reader)
	fail(err)
	if root != tree.Hash {
		fail(errors.New("the tiles make another tree"))
	}
	for i := int64(0); i < tree.N; i++ {
		bundle, err := client.GetEntryBundle(ctx, from.ReadEntryBundle, uint64(i/256), uint64(tree.N))
		fail(err)
		for k, leaf := range bundle.Entries {
			record, err := tlog.ProveRecord(tree.N, i+int64(k), reader)
			fail(err)
			fail(tlog.CheckRecord(record, tree.N, tree.Hash, i+int64(k), tlog.RecordHash(leaf)))
		}
		i += int64(len(bundle.Entries)) - 1
	}
	_, _, _, err = client.FetchCheckpoint(ctx, from.ReadCheckpoint, verifier, verifier.Name())
	fail(err)
	if witness != "" {
		cosigner, err := fnote.NewVerifierForCosignatureV1(witness)
		fail(err)
		opened, err := note.Open(raw, note.VerifierList(cosigner))
		fail(err)
		when, err := fnote.CoSigV1Timestamp(opened.Sigs[0])
		fail(err)
		if time.Since(when) > time.Hour || time.Until(when) > time.Minute {
			fail(fmt.Errorf("cosigned at %v", when))
		}
	}
	fmt.Println("verified", tree.N)
}

func hexes(list [][]byte) string {
	var out []string
	for _, h := range list {
		out = append(out, hex.EncodeToString(h))
	}
	return strings.Join(out, ",")
}

func prove(where, vkey string, index, old int64) {
	from := open(where)
	tree, _, _ := checkpoint(from, vkey)
	reader := tlog.TileHashReader(tree, tiles{from})
	record, err := tlog.ProveRecord(tree.N, index, reader)
	fail(err)
	grown, err := tlog.ProveTree(tree.N, old, reader)
	fail(err)
	oldRoot, err := tlog.TreeHash(old, reader)
	fail(err)
	hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	fail(err)
	builder, err := client.NewProofBuilder(ctx, uint64(tree.N), from.ReadTile)
	fail(err)
	inclusion, err := builder.InclusionProof(ctx, uint64(index))
	fail(err)
	consistency, err := builder.ConsistencyProof(ctx, uint64(old), uint64(tree.N))
	fail(err)
	fail(proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(tree.N), hashes[0][:], inclusion, tree.Hash[:]))
	fail(proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), uint64(tree.N), consistency, oldRoot[:], tree.Hash[:]))
	for i := range record {
		if !bytes.Equal(record[i][:], inclusion[i]) {
			fail(errors.New("two proofs of one leaf"))
		}
	}
	for i := range grown {
		if !bytes.Equal(grown[i][:], consistency[i]) {
			fail(errors.New("two proofs of one tree"))
		}
	}
	fmt.Printf("size=%d root=%x leaf=%x old_root=%x inclusion=%s consistency=%s\n", tree.N, tree.Hash[:], hashes[0][:], oldRoot[:],
		hexes(inclusion), hexes(consistency))
}

func check(file, vkey, leaf string) {
	text, err := os.ReadFile(file)
	fail(err)
	head, raw, found := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail(errors.New("no tlog-proof"))
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	fail(err)
	var path tlog.RecordProof
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		fail(err)
		path = append(path, h)
	}
	verifier, err := note.NewVerifier(vkey)
	fail(err)
	tree := treeOf([]byte(raw), verifier)
	var hash tlog.Hash
	decoded, err := hex.DecodeString(leaf)
	fail(err)
	copy(hash[:], decoded)
	fail(tlog.CheckRecord(path, tree.N, tree.Hash, index, hash))
	fmt.Println("verified", index, tree.N)
}

// Leaf i as a ledger of ours would have it.
func leaf(i int) []byte {
	issuer, commitment := sha256.Sum256([]byte("issuer")), sha256.Sum256([]byte(strconv.Itoa(i)))
	out := []byte{0xa4, 0x00, 0x01, 0x01, 0x1a}
	out = binary.BigEndian.AppendUint32(out, uint32(1800000000+i))
	out = append(append(out, 0x02, 0x58, 0x20), issuer[:]...)
	return append(append(out, 0x03, 0x58, 0x20), commitment[:]...)
}

type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, m[i])
	}
	return out, nil
}

func write(path string, data []byte) {
	fail(os.MkdirAll(filepath.Dir(path), 0o755))
	fail(os.WriteFile(path, data, 0o644))
}

func makeLog(dir, origin string, count int) {
	var stored memory
	bundles := map[string][]byte{}
	for i := 0; i < count; i++ {
		hashes, err := tlog.StoredHashes(int64(i), leaf(i), stored)
		fail(err)
		stored = append(stored, hashes...)
		width := count - i/256*256
		tile := tlog.Tile{H: height, L: 0, N: int64(i / 256), W: min(width, 256)}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundles[path] = append(binary.BigEndian.AppendUint16(bundles[path], uint16(len(leaf(i)))), leaf(i)...)
	}
	for _, tile := range tlog.NewTiles(height, 0, int64(count)) {
		data, err := tlog.ReadTileData(tile, stored)
		fail(err)
		write(filepath.Join(dir, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)), data)
	}
	for path, data := range bundles {
		write(filepath.Join(dir, path), data)
	}
	root, err := tlog.TreeHash(int64(count), stored)
	fail(err)
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	fail(err)
	signer, err := note.NewSigner(skey)
	fail(err)
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, count, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	fail(err)
	write(filepath.Join(dir, "checkpoint"), signed)
	fmt.Println(vkey)
}

func tesseraLog(dir, origin string, count int) {
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	fail(err)
	signer, err := note.NewSigner(skey)
	fail(err)
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	fail(err)
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithCheckpointInterval(200*time.Millisecond).
		WithBatching(256, 50*time.Millisecond)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	fail(err)
	var last tessera.Index
	var futures []tessera.IndexFuture
	for i := 0; i < count; i++ {
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(leaf(i))))
	}
	for _, future := range futures {
		last, err = future()
		fail(err)
	}
	_ = last
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	for _, future := range futures {
		_, _, err := awaiter.Await(ctx, future)
		fail(err)
	}
	fail(shutdown(ctx))
	fmt.Println(vkey)
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	fail(err)
	return n
}

func main() {
	args := append(os.Args[1:], "", "", "", "")
	switch args[0] {
	case "verify":
		verify(args[1], args[2], args[3])
	case "prove":
		prove(args[1], args[2], number(args[3]), number(args[4]))
	case "check":
		check(args[1], args[2], args[3])
	case "make":
		makeLog(args[1], args[2], int(number(args[3])))
	case "tessera":
		tesseraLog(args[1], args[2], int(number(args[3])))
	default:
		fail(errors.New("verify, prove, check, make or tessera"))
	}
}
