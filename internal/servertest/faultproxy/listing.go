package faultproxy

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	contentsElement = regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	keyElement      = regexp.MustCompile(`(?s)<Key>(.*?)</Key>`)
	keyCountElement = regexp.MustCompile(`<KeyCount>\d+</KeyCount>`)
)

// remember notes when an object became visible.
func (p *Proxy) remember(r *http.Request, status int) {
	if status >= 300 || key(r) == "" {
		return
	}
	part := r.URL.Query().Has("uploadId")
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && !part, r.Method == http.MethodPost && part:
		p.made[r.URL.Path] = time.Now()
	}
}

// hide takes the objects that are younger than age out of a listing, and notes when there were any.
func (p *Proxy) hide(listing []byte, r *http.Request, age time.Duration, note func()) []byte {
	bucket := "/" + strings.Trim(r.URL.Path, "/") + "/"
	decode := html.UnescapeString
	if r.URL.Query().Get("encoding-type") == "url" {
		decode = func(s string) string {
			key, err := url.QueryUnescape(s)
			if err != nil {
				return s
			}
			return key
		}
	}
	p.mu.Lock()
	young := func(key string) bool {
		made, known := p.made[bucket+key]
		return known && time.Since(made) < age
	}
	left, hidden := 0, 0
	out := contentsElement.ReplaceAllFunc(listing, func(element []byte) []byte {
		if m := keyElement.FindSubmatch(element); m != nil && young(decode(string(m[1]))) {
			hidden++
			return nil
		}
		left++
		return element
	})
	p.mu.Unlock()
	if hidden == 0 {
		return listing
	}
	note()
	return keyCountElement.ReplaceAll(out, []byte("<KeyCount>"+strconv.Itoa(left)+"</KeyCount>"))
}

// checksummed tells whether an answer carries a checksum of its body, and not one of the checksums of its parts.
func checksummed(resp *http.Response) bool {
	for name, values := range resp.Header {
		algorithm, ok := strings.CutPrefix(name, "X-Amz-Checksum-")
		if ok && algorithm != "Type" && !strings.Contains(values[0], "-") {
			return true
		}
	}
	return false
}
