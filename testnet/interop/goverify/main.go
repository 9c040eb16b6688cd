// Goverify checks an export with Go's own note and tlog packages: log signature, cosignature quorum, root and hash tiles.
//
// It uses nothing but Debian's golang-go and golang-golang-x-mod-dev. Usage: goverify EXPORT POLICY.
// Exit status: 0 all holds, 5 something does not, 2 the call or the policy is wrong.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxSize is the most leaves that a park's log may have (FORMATS.md, section 10).
const maxSize = 1 << 40

// cosigner verifies cosignature/v1 (c2sp.org/tlog-cosignature), which package note does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	if time > 1<<63-1 {
		return false
	}
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", time)), msg...)
	return ed25519.Verify(c.key, signed, sig[8:])
}

// newCosigner parses a verifier key of type 4.
func newCosigner(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key: " + vkey)
	}
	id, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("not an Ed25519 cosigner's key: " + vkey)
	}
	return &cosigner{parts[0], uint32(id), ed25519.PublicKey(key[1:])}, nil
}

// group is a group of a policy: how many of its members must hold.
type group struct {
	threshold int
	members   []string
}

// policy is a tlog-policy (c2sp.org/tlog-policy).
type policy struct {
	logs      []note.Verifier
	witnesses map[string]note.Verifier
	groups    map[string]group
	quorum    string
}

func readPolicy(file string) (*policy, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := &policy{witnesses: map[string]note.Verifier{}, groups: map[string]group{}}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "log" && len(words) >= 2:
			v, err := note.NewVerifier(words[1])
			if err != nil {
				return nil, err
			}
			p.logs = append(p.logs, v)
		case words[0] == "witness" && len(words) >= 3:
			if p.witnesses[words[1]], err = newCosigner(words[2]); err != nil {
				return nil, err
			}
		case words[0] == "group" && len(words) > 3:
			g := group{members: words[3:]}
			switch words[2] {
			case "any":
				g.threshold = 1
			case "all":
				g.threshold = len(g.members)
			default:
				if g.threshold, err = strconv.Atoi(words[2]); err != nil {
					return nil, err
				}
			}
			p.groups[words[1]] = g
		case words[0] == "quorum" && len(words) == 2:
			p.quorum = words[1]
		default:
			return nil, errors.New("not a line of a policy: " + line)
		}
	}
	if p.quorum == "" || len(p.logs) == 0 {
		return nil, errors.New("the policy names no log or no quorum")
	}
	return p, nil
}

// holds tells whether a witness has signed or enough members of a group hold.
func (p *policy) holds(name string, signed map[string]bool) bool {
	if name == "none" {
		return true
	}
	if v, ok := p.witnesses[name]; ok {
		return signed[v.Name()]
	}
	g, ok := p.groups[name]
	count := 0
	for _, member := range g.members {
		if p.holds(member, signed) {
			count++
		}
	}
	return ok && count >= g.threshold
}

// open verifies the checkpoint's signatures and gives its text.
func (p *policy) open(checkpoint []byte) (origin string, tree tlog.Tree, err error) {
	var known []note.Verifier
	known = append(known, p.logs...)
	for _, v := range p.witnesses {
		known = append(known, v)
	}
	n, err := note.Open(checkpoint, note.VerifierList(known...))
	if err != nil {
		return "", tree, fmt.Errorf("quorum and log signature: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 {
		return "", tree, errors.New("checkpoint: not three lines")
	}
	signed := map[string]bool{}
	for _, s := range n.Sigs {
		signed[s.Name] = true
	}
	if !signed[lines[0]] {
		return "", tree, errors.New("log signature: no log key of the policy signed")
	}
	if !p.holds(p.quorum, signed) {
		return "", tree, errors.New("quorum: too few nodes of the policy cosigned")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 1 || tree.N > maxSize || strconv.FormatInt(tree.N, 10) != lines[1] {
		return "", tree, errors.New("checkpoint: not a log's size: " + lines[1])
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return lines[0], tree, err
}

// path is where C2SP's tlog-tiles puts a tile that package tlog names; entries are level -1.
func path(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), "tile/8/")
	if t.L == -1 {
		p = "entries/" + strings.TrimPrefix(p, "data/")
	}
	return "tile/" + p
}

// hashes is every stored hash of the log, in the order of package tlog.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(h)) {
			return nil, errors.New("no such hash")
		}
		out[i] = h[index]
	}
	return out, nil
}

// readEntries hashes the raw entries.
func readEntries(dir string, size int64) (hashes, error) {
	var stored hashes
	var next int64
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		name := path(tlog.Tile{H: 8, L: -1, N: n, W: int(width)})
		bundle, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for i := int64(0); i < width; i++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, errors.New("entries: " + name + " is cut short")
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			more, err := tlog.StoredHashes(next, bundle[2:end], stored)
			if err != nil {
				return nil, err
			}
			stored, bundle, next = append(stored, more...), bundle[end:], next+1
		}
		if len(bundle) > 0 {
			return nil, errors.New("entries: " + name + " has bytes after its last entry")
		}
	}
	return stored, nil
}

// checkTiles compares every hash tile with what the entries give.
func checkTiles(dir string, size int64, stored hashes) (count int, err error) {
	for level, above := 0, size; above > 0; level, above = level+1, above/256 {
		for n := int64(0); n*256 < above; n++ {
			width := above - n*256
			if width > 256 {
				width = 256
			}
			tile := tlog.Tile{H: 8, L: level, N: n, W: int(width)}
			want, err := tlog.ReadTileData(tile, stored)
			if err != nil {
				return count, err
			}
			got, err := os.ReadFile(filepath.Join(dir, path(tile)))
			if err != nil {
				return count, err
			}
			if !bytes.Equal(got, want) {
				return count, errors.New("tiles: " + path(tile) + " is not the entries'")
			}
			count++
		}
	}
	return count, nil
}

func verify(dir string, p *policy) error {
	checkpoint, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return err
	}
	origin, tree, err := p.open(checkpoint)
	if err != nil {
		return err
	}
	stored, err := readEntries(dir, tree.N)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(tree.N, stored)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("root: the entries do not give the checkpoint's")
	}
	tiles, err := checkTiles(dir, tree.N, stored)
	if err != nil {
		return err
	}
	fmt.Printf("ok: %d entries of %s, root %v, %d hash tiles, signed as the policy asks\n", tree.N, origin, root, tiles)
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: goverify EXPORT POLICY")
		os.Exit(2)
	}
	p, err := readPolicy(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(2)
	}
	if err := verify(os.Args[1], p); err != nil {
		fmt.Println("FAILED", err)
		os.Exit(5)
	}
}
