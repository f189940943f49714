package store

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errConflict: S3 met a concurrent write of the same key (409). It asks to try again; it does not say who won.
var errConflict = errors.New("conflicting write under way")

// errNoUpload: the multipart upload is gone: completed, aborted or expired.
var errNoUpload = errors.New("no such upload")

// errSlow: a request was not through within its time.
var errSlow = errors.New("no answer in time")

// fail names the action and the object and turns an answer of S3 into what callers decide on. ctx is the request's own,
// which tells whether its time was over. nil stays nil.
func (b *s3Bucket) fail(ctx context.Context, action, key string, err error) error {
	return b.failIf(ctx, errPrecondition, action, key, err)
}

// failIf is fail for a request with a condition; unmet says what it means that the condition did not hold.
func (b *s3Bucket) failIf(ctx context.Context, unmet error, action, key string, err error) error {
	if err == nil {
		return nil
	}
	if context.Cause(ctx) == errSlow {
		err = errSlow
	}
	where := b.loc.Bucket + "/" + b.prefix + key
	if err = classifyAny(err); errors.Is(err, errPrecondition) {
		err = unmet
	}
	if errors.Is(err, ErrNoBucket) {
		return fmt.Errorf("%s s3://%s: bucket %q: %w", action, where, b.loc.Bucket, err)
	}
	return fmt.Errorf("%s s3://%s: %w", action, where, err)
}

// classifyAny finds code and status of an error of the SDK. Errors of this package pass unchanged.
func classifyAny(err error) error {
	var f finalError
	if errors.As(err, &f) || errors.Is(err, ErrChanged) {
		return err
	}
	var response *awshttp.ResponseError
	status := 0
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return classify(api.ErrorCode(), status, answerError{api.ErrorCode() + ": " + api.ErrorMessage(), err})
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) && status == 0 {
		return classifyUnanswered(answerError{innermost(operation.Err).Error(), err})
	}
	return classify("", status, err)
}

// classifyUnanswered marks as final what would hinder any request: a certificate that does not do, the wrong scheme, and
// what the SDK cannot make an address of, for which it has no type. An unknown host or a refused connection may pass.
func classifyUnanswered(err error) error {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return final(fmt.Errorf("this machine does not know who signed the store's certificate; "+
			"name a file of its authority by AWS_CA_BUNDLE: %w", err))
	case errors.As(err, &host):
		return final(fmt.Errorf("the store's certificate is for other hosts; check the endpoint: %w", err))
	case errors.As(err, &invalid):
		return final(fmt.Errorf("the store's certificate cannot be used: %w", err))
	case errors.Is(err, http.ErrSchemeMismatch):
		return final(fmt.Errorf("the store does without TLS there; check the endpoint, which may begin with http://: %w", err))
	case strings.Contains(err.Error(), "resolve endpoint: "):
		return final(err)
	}
	return err
}

// answerError prints what the service or the network said without the SDK's account of its own layers.
type answerError struct {
	text string
	error
}

func (e answerError) Error() string { return e.text }
func (e answerError) Unwrap() error { return e.error }

// innermost takes the SDK's wrappers off an error of the connection.
func innermost(err error) error {
	var sent *smithyhttp.RequestSendError
	if errors.As(err, &sent) {
		err = sent.Err
	}
	var request *url.Error // names method and URL, which the caller does in its own words
	if errors.As(err, &request) {
		err = request.Err
	}
	return err
}

// classify joins err with the sentinel for an S3 error code or, where the answer had no body, an HTTP status; marks it
// as final where repeating cannot help; and leaves it as it is where it can.
func classify(code string, status int, err error) error {
	if advice, ok := deniedAdvice(code, status); ok {
		return fmt.Errorf("%w: %s (%w)", ErrDenied, advice, err)
	}
	switch code {
	case "NoSuchBucket":
		return ErrNoBucket
	case "NoSuchKey", "NotFound":
		return ErrNotFound
	case "NoSuchUpload":
		return final(errNoUpload)
	case "PreconditionFailed":
		return errPrecondition
	case "ConditionalRequestConflict", "OperationAborted":
		return fmt.Errorf("%w (%w)", errConflict, err)
	case "SlowDown", "ServiceUnavailable", "TooManyRequests", "SlowDownRead", "SlowDownWrite":
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case "InvalidRange":
		return final(io.ErrUnexpectedEOF)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return final(fmt.Errorf("the bucket is in another region; set AWS_REGION or ?region=: %w", err))
	case "InvalidObjectState":
		return final(fmt.Errorf("the object is archived; restore it first: %w", err))
	case "NotImplemented":
		return final(fmt.Errorf("the store lacks a function that DICE needs: %w", err))
	}
	return classifyStatus(status, err)
}

func classifyStatus(status int, err error) error {
	switch {
	case status == 404:
		return ErrNotFound
	case status == 409:
		return fmt.Errorf("%w (%w)", errConflict, err)
	case status == 412:
		return errPrecondition
	case status == 416:
		return final(io.ErrUnexpectedEOF)
	case status == 429 || status == 503:
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case status >= 300 && status < 500 && status != 408 && !passes(err):
		return final(err)
	}
	return err
}

// errPrecondition: If-Match or If-None-Match did not hold. What it means depends on the request.
var errPrecondition = final(errors.New("precondition failed"))

// deniedAdvice says which credential is wrong and what to do.
func deniedAdvice(code string, status int) (string, bool) {
	switch code {
	case "InvalidAccessKeyId":
		return "the store does not know this access key id; check AWS_ACCESS_KEY_ID or the profile", true
	case "SignatureDoesNotMatch":
		return "the secret key does not fit the access key id; check AWS_SECRET_ACCESS_KEY or the profile", true
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return "the session has expired; log in again", true
	case "InvalidToken", "InvalidTokenId": // the latter by MinIO
		return "the session token is not valid; check AWS_SESSION_TOKEN", true
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden":
		return "these credentials lack the right for this", true
	}
	if code == "RequestTimeTooSkewed" {
		return "", false // the SDK corrects its clock by the answer; a retry succeeds
	}
	if status == 401 || status == 403 {
		return "the credentials are wrong or lack the right for this", true
	}
	return "", false
}

// passes tells whether an answer that blames the request was caused by its way here, or is one that the SDK's own rules
// would repeat.
func passes(err error) bool {
	for _, rule := range retry.DefaultRetryables {
		if rule.IsErrorRetryable(err).Bool() {
			return true
		}
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "RequestTimeTooSkewed",
		"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", // damage on the way
		"MalformedXML", "InvalidPart", "InvalidPartOrder": // likewise: what is sent is well-formed
		return true
	}
	return false
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, errNoUpload) }

// cleanupTime is how long cleaning up may take.
const cleanupTime = 30 * time.Second

// detached is a context for cleaning up after ctx has ended.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}
