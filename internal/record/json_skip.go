package record

// skip checks any value and passes over it.
func (p *jsonParser) skip() error {
	switch c := p.peek(); c {
	case '"':
		_, _, err := p.quoted()
		return err
	case '{':
		return p.skipMembers()
	case '[':
		return p.skipElements()
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case 'n':
		return p.literal("null")
	default:
		_, _, err := p.number()
		return err
	}
}

func (p *jsonParser) skipMembers() error {
	if err := p.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if _, _, ok, err := p.member(first); !ok || err != nil {
			return err
		}
		if err := p.skip(); err != nil {
			return err
		}
	}
}

func (p *jsonParser) skipElements() error {
	if err := p.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if ok, err := p.more(first, ']'); !ok || err != nil {
			return err
		}
		if err := p.skip(); err != nil {
			return err
		}
	}
}

func (p *jsonParser) literal(word string) error {
	if len(p.text)-p.at < len(word) || string(p.text[p.at:p.at+len(word)]) != word {
		return p.expected(word)
	}
	p.at += len(word)
	return nil
}

// null takes a null, if one is next.
func (p *jsonParser) null() (bool, error) {
	if p.peek() != 'n' {
		return false, nil
	}
	return true, p.literal("null")
}

// number takes a number; whole says that it has neither fraction nor exponent.
func (p *jsonParser) number() (raw []byte, whole bool, err error) {
	p.peek()
	start, i := p.at, p.at
	if i < len(p.text) && p.text[i] == '-' {
		i++
	}
	switch {
	case i < len(p.text) && p.text[i] == '0':
		i++
	case p.digits(i) == i:
		return nil, false, p.expected("a value")
	default:
		i = p.digits(i)
	}
	whole = true
	if i < len(p.text) && p.text[i] == '.' {
		whole = false
		if i, err = p.someDigits(i + 1); err != nil {
			return nil, false, err
		}
	}
	if i < len(p.text) && (p.text[i] == 'e' || p.text[i] == 'E') {
		whole = false
		if i++; i < len(p.text) && (p.text[i] == '+' || p.text[i] == '-') {
			i++
		}
		if i, err = p.someDigits(i); err != nil {
			return nil, false, err
		}
	}
	p.at = i
	return p.text[start:i], whole, nil
}

// digits returns the place behind the digits from i on.
func (p *jsonParser) digits(i int) int {
	for i < len(p.text) && '0' <= p.text[i] && p.text[i] <= '9' {
		i++
	}
	return i
}

func (p *jsonParser) someDigits(i int) (int, error) {
	end := p.digits(i)
	if end == i {
		p.at = i
		return i, p.expected("a digit")
	}
	return end, nil
}
