package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// List implements Bucket.
func (b *s3Bucket) List(ctx context.Context, prefix string, each func(Info) error) error {
	return b.listAfter(ctx, prefix, "", each)
}

// listAfter lists the keys after one, a page per request. Keys come URL-encoded, as XML cannot carry all that a key
// may contain. Objects whose key ends in a slash are markers of folders, not data, and are passed over, as is the marker
// of the bucket's own prefix, whose key is empty here.
func (b *s3Bucket) listAfter(ctx context.Context, prefix, after string, each func(Info) error) error {
	in := &s3.ListObjectsV2Input{
		Bucket: &b.loc.Bucket, Prefix: b.key(prefix), EncodingType: types.EncodingTypeUrl,
	}
	if after != "" {
		in.StartAfter = b.key(after)
	}
	last := after
	for {
		out, err := b.page(ctx, prefix, in)
		if err != nil {
			return err
		}
		for _, object := range out.Contents {
			info, err := b.info(object, out.EncodingType)
			if err != nil {
				return b.fail(ctx, "list", prefix, err)
			}
			if info.Key == "" {
				continue
			}
			if info.Key <= last {
				return b.fail(ctx, "list", prefix, final(fmt.Errorf("the store lists %q after %q, out of order", info.Key, last)))
			}
			last = info.Key
			if strings.HasSuffix(info.Key, "/") {
				continue
			}
			if err := each(info); err != nil {
				return err
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		if aws.ToString(out.NextContinuationToken) == "" {
			return b.fail(ctx, "list", prefix, final(fmt.Errorf("the store cut the listing without a continuation")))
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// page asks for one page. Each counts against the gate by itself, as a listing may wait for its caller between two.
func (b *s3Bucket) page(ctx context.Context, prefix string, in *s3.ListObjectsV2Input) (out *s3.ListObjectsV2Output, err error) {
	err = b.retry.once(ctx, func(ctx context.Context) error {
		ctx, cancel := b.timed(ctx, 1<<20)
		defer cancel()
		out, err = b.client.ListObjectsV2(ctx, in)
		return b.fail(ctx, "list", prefix, checkListing(out, err))
	})
	return out, err
}

// checkListing refuses what another service says at its address: to the SDK any XML, such as a web page, is a listing.
func checkListing(out *s3.ListObjectsV2Output, err error) error {
	if err == nil && out.Name == nil && len(out.Contents) == 0 {
		return final(errors.New("the answer is no listing of a bucket; check the endpoint, which may be another service's"))
	}
	return err
}

func (b *s3Bucket) info(o types.Object, encoding types.EncodingType) (Info, error) {
	key := aws.ToString(o.Key)
	if encoding == types.EncodingTypeUrl {
		decoded, err := url.QueryUnescape(key)
		if err != nil {
			return Info{}, final(fmt.Errorf("key %q: %w", key, err))
		}
		key = decoded
	}
	rest, ok := strings.CutPrefix(key, b.prefix)
	if !ok {
		return Info{}, final(fmt.Errorf("the store listed %q, which is not below %q", key, b.prefix))
	}
	return Info{Key: rest, Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified)}, nil
}

// removeBatch is how many keys S3 takes in one request.
const removeBatch = 1000

// Remove implements Bucket.
func (b *s3Bucket) Remove(ctx context.Context, keys ...string) error {
	for len(keys) > 0 {
		n := min(len(keys), removeBatch)
		if err := b.removeSome(ctx, keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func (b *s3Bucket) removeSome(ctx context.Context, keys []string) error {
	ctx, cancel := b.timed(ctx, 1<<20)
	defer cancel()
	if len(keys) == 1 {
		_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.loc.Bucket, Key: b.key(keys[0])})
		if err := b.fail(ctx, "remove", keys[0], err); !isNotFound(err) {
			return err
		}
		return nil
	}
	ids := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		ids[i].Key = b.key(key)
	}
	out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &b.loc.Bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return b.fail(ctx, "remove", keys[0]+" and others", err)
	}
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != "NoSuchKey" {
			err := classify(code, 0, fmt.Errorf("%s: %s", code, aws.ToString(e.Message)))
			return b.fail(ctx, "remove", strings.TrimPrefix(aws.ToString(e.Key), b.prefix), err)
		}
	}
	return nil
}

// abortStale aborts the multipart uploads under a prefix that began before a time.
func (b *s3Bucket) abortStale(ctx context.Context, s stale) (n int, err error) {
	if !s.deep {
		return 0, nil // what DICE makes there it makes by one request, so that uploads are somebody else's
	}
	pages := s3.NewListMultipartUploadsPaginator(b.client, &s3.ListMultipartUploadsInput{
		Bucket: &b.loc.Bucket, Prefix: b.key(s.prefix),
	})
	for pages.HasMorePages() {
		var out *s3.ListMultipartUploadsOutput
		err := b.retry.do(ctx, "list unfinished uploads", func(ctx context.Context) (err error) {
			ctx, cancel := b.timed(ctx, 1<<20)
			defer cancel()
			out, err = pages.NextPage(ctx)
			return b.fail(ctx, "list unfinished uploads", s.prefix, err)
		})
		if err != nil {
			return n, err
		}
		for _, u := range out.Uploads {
			key := strings.TrimPrefix(aws.ToString(u.Key), b.prefix)
			if !aws.ToTime(u.Initiated).Before(s.before) {
				continue
			}
			if err := b.abortUpload(ctx, key, aws.ToString(u.UploadId)); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}
