package shard

// Claim names the job that an output belongs to.
type Claim struct {
	Job    string `json:"job"`
	Digest string `json:"digest"` // of the command
}

// Output describes a file of the result.
type Output struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Rows   int64  `json:"rows"`
}

// Lines accounts for physical rows: Lines = WithRecords + Empty + Rejected.
type Lines struct {
	Lines       int64 `json:"lines"`
	WithRecords int64 `json:"with_records"`
	Empty       int64 `json:"empty"`
	Rejected    int64 `json:"rejected"`
}

// Records accounts for records: Records = Output + Duplicate + Filtered + Unlabelled + Other + Excluded + Rejected.
type Records struct {
	Records    int64 `json:"records"`
	Output     int64 `json:"output"`
	Duplicate  int64 `json:"duplicate"`
	Filtered   int64 `json:"filtered"`
	Unlabelled int64 `json:"unlabelled"`
	Other      int64 `json:"other"` // of protocols that were not asked for
	Excluded   int64 `json:"excluded"`
	Rejected   int64 `json:"rejected"`
}

// ManifestInput is an input as the result remembers it.
type ManifestInput struct {
	URL  string `json:"url"`
	Size int64  `json:"size"`
	ETag string `json:"etag"`
}

// Manifest is the commit of a job: the last object written, it says what the result is made of and consists of. It
// holds nothing that differs between two runs over the same inputs.
type Manifest struct {
	ResultVersion int                `json:"result_version"`
	Digest        string             `json:"digest"`
	Command       Command            `json:"command"`
	Inputs        []ManifestInput    `json:"inputs"`
	Side          []ManifestInput    `json:"certificates"`
	Lines         Lines              `json:"lines"`
	SideLines     Lines              `json:"certificate_lines"`
	Records       Records            `json:"records"`
	Protocols     map[string]Records `json:"protocols"`
	Rejects       int64              `json:"rejects"` // entries of the rejects table
	Warnings      []string           `json:"warnings"`
	Skipped       []ManifestInput    `json:"skipped"`             // inputs that the result is without, as they could not be processed
	Outputs       []Output           `json:"outputs"`             // by key
	Cancelled     bool               `json:"cancelled,omitempty"` // there will be no result; this stands here while the rest is removed
	Job           string             `json:"job,omitempty"`       // the job that was cancelled
}

// ProtocolSummary is what came of a protocol's records.
type ProtocolSummary struct {
	Flagged    int64            `json:"flagged"`    // past filter and duplicates
	Classified int64            `json:"classified"` // with at least one label
	Labels     map[string]int64 `json:"labels"`
}

// ReuseSummary counts the groups of the reuse table.
type ReuseSummary struct {
	Certificates int64 `json:"certificates"`
	Keys         int64 `json:"keys"`
}

// Summary is the result in figures.
type Summary struct {
	Protocols map[string]ProtocolSummary `json:"protocols"`
	Reuse     ReuseSummary               `json:"reuse"`
	Lines     Lines                      `json:"lines"`
	Records   Records                    `json:"records"`
	Rejects   int64                      `json:"rejects"`
	Warnings  []string                   `json:"warnings"`
	Skipped   []ManifestInput            `json:"skipped,omitempty"` // inputs that the result is without
}
