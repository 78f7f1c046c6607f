# Macaroons and credentials, made without the module's code.

package L402::Token;

use v5.36;
use Digest::SHA qw(sha256_hex hmac_sha256);
use Exporter 'import';
use MIME::Base64 qw(decode_base64 encode_base64);

our @EXPORT = qw(test_key key_hint mint credential hex_credential
                 several_credential read_token is_signed);

# The master key of the configurations in t/*.t. Nothing else is made by it.
sub test_key { '6c' x 32 }

# The end of a token id, by which it names the key that it was minted with.
sub key_hint ($key) {
    return substr hmac_sha256('l402 key hint v0', pack 'H*', $key), 0, 4;
}

my $count = 0;

sub packet ($type, $data) {
    my ($n, $length) = (length $data, '');
    do {
        $length .= chr(($n & 0x7f) | ($n > 0x7f ? 0x80 : 0));
        $n >>= 7;
    } while $n;
    return chr($type) . $length . $data;
}

sub serialize_v2 ($m) {
    return "\x02"
        . (defined $m->{location} ? packet(1, $m->{location}) : '')
        . packet(2, $m->{identifier}) . "\0"
        . join('', map { packet(2, $_) . "\0" } $m->{caveats}->@*)
        . "\0" . packet(6, $m->{signature});
}

sub serialize_v1 ($m) {
    my $line = sub ($key, $value) {
        return sprintf('%04x', 6 + length "$key$value") . "$key $value\n";
    };
    return $line->(location => $m->{location} // '')
        . $line->(identifier => $m->{identifier})
        . join('', map { $line->(cid => $_) } $m->{caveats}->@*)
        . $line->(signature => $m->{signature});
}

# A token as the module mints it, a hash: macaroon (bytes), base64, preimage
# and payment_hash and token_id (hex), signature (bytes), authorization (the
# field's value). What can be told:
#   service, tier, valid_for (seconds, or undef: for ever); caveats, a list
#   instead of these; append, caveats behind them; key, preimage, token_id
#   (hex); names, the key that the token id names (none unless told);
#   payment_hash (hex, for one that is not the preimage's); version (of the
#   identifier); location (undef: no packet); signature (bytes); format (2 or
#   1); scheme
sub mint (%with) {
    my %m = (
        service => 'weather', tier => 0, valid_for => 3600,
        key => test_key(), version => 0, location => 'lsat', format => 2,
        scheme => 'L402', append => [],
        preimage => sha256_hex("preimage $$ " . ++$count),
        token_id => sha256_hex("token $$ $count"),
        %with,
    );
    substr $m{token_id}, -8, 8, unpack 'H*', key_hint($m{names})
        if defined $m{names};
    $m{payment_hash} //= sha256_hex(pack 'H*', $m{preimage});
    $m{identifier} //= pack 'n H64 H64',
        @m{qw(version payment_hash token_id)};

    $m{caveats} //= [
        "services=$m{service}:$m{tier}",
        defined $m{valid_for}
            ? "$m{service}_valid_until=" . (time + $m{valid_for}) : (),
    ];
    $m{caveats} = [ $m{caveats}->@*, $m{append}->@* ];

    # hmac_sha256 takes the data first, the key last.
    my $root = hmac_sha256("l402 root key v0$m{identifier}",
                           pack 'H*', $m{key});
    my $s = hmac_sha256($m{identifier},
                        hmac_sha256($root, 'macaroons-key-generator'));
    $s = hmac_sha256($_, $s) for $m{caveats}->@*;
    $m{signature} //= $s;

    $m{macaroon} = $m{format} == 1 ? serialize_v1(\%m) : serialize_v2(\%m);
    $m{base64} = encode_base64($m{macaroon}, '');
    $m{authorization} = "$m{scheme} $m{base64}:$m{preimage}";
    return \%m;
}

# A V2 macaroon in base64, taken apart: bytes, location, identifier, version,
# payment_hash and token_id (hex), caveats, signature (bytes). Dies of what is
# none.
sub read_token ($base64) {
    my $bytes = decode_base64($base64);
    my $rest = $bytes;
    my $end = sub { $rest =~ s/^\0// or die "no macaroon\n" };
    my $field = sub ($type) {
        $rest =~ s/^\Q${\chr $type}\E([\x80-\xff]*[\0-\x7f])//s
            or die "no macaroon\n";
        my ($n, $shift) = (0, 0);
        for (unpack 'C*', $1) {
            $n |= ($_ & 0x7f) << $shift;
            $shift += 7;
        }
        return substr $rest, 0, $n, '';
    };

    my %m = (bytes => $bytes, caveats => []);
    $rest =~ s/^\x02// or die "no macaroon\n";
    $m{location} = $field->(1) if $rest =~ /^\x01/;
    $m{identifier} = $field->(2);
    $end->();
    until ($rest =~ /^\0/) {
        push $m{caveats}->@*, $field->(2);
        $end->();
    }
    $end->();
    $m{signature} = $field->(6);
    die "no macaroon\n" if length $rest || length $m{identifier} != 66;
    @m{qw(version payment_hash token_id)} = unpack 'n H64 H64', $m{identifier};
    return \%m;
}

# Is it, as read_token() has it, what that key makes of its content?
sub is_signed ($m, $key) {
    return mint(map({ $_ => $m->{$_} } qw(identifier caveats location)),
                key => $key)->{macaroon} eq $m->{bytes};
}

# The value of an Authorization field that a location with `l402 weather`
# lets in; options as mint() has them.
sub credential (%with) {
    return mint(%with)->{authorization};
}

# Several macaroons behind one preimage: each a hash of options, or a text that
# stands for itself. `between` is what parts them.
sub several_credential ($between, @macaroons) {
    my $preimage = sha256_hex("preimage $$ several " . ++$count);
    return 'L402 ' . join($between, map {
        ref $_ ? mint(preimage => $preimage, %$_)->{base64} : $_
    } @macaroons) . ":$preimage";
}

# The value of a Macaroon or Grpc-Metadata-Macaroon field.
sub hex_credential (%with) {
    $with{preimage} //= sha256_hex("preimage $$ hex " . ++$count);
    $with{append} = [ ($with{append} // [])->@*, "preimage=$with{preimage}" ];
    return unpack 'H*', mint(%with)->{macaroon};
}

1;
