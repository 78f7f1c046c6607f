# What the gate said to a request, in a word.

package L402::Gate;

use v5.36;
use Exporter 'import';
use JSON::PP qw(decode_json);
use L402::Token;
use Test::More import => [qw(is)];

our @EXPORT = qw(parse_challenge verdict verdicts offer minted made_good);

# The status that a word comes with, unless a directive says otherwise.
my %status = (
    malformed => 401, too_long => 414, bad_price => 500, error => 500,
    no_invoice => 503, unconfirmed => 503, unavailable => 503,
    map({ $_ => 402 } qw(absent bad_signature bad_preimage expired
                         wrong_service insufficient caveat_refused
                         unsettled revoked used_up)),
);

# The parameters of a WWW-Authenticate value, or undef where it is no
# challenge to the letter of the wire format.
sub parse_challenge ($value) {
    ($value // '') =~ m{^L402\ macaroon="([A-Za-z0-9+/]+=*)",
        \ invoice="(ln\w+)",\ version="0",\ token="\1"$}x or return undef;
    return { macaroon => $1, invoice => $2 };
}

# What the body of a refusal says, with the challenge's parameters in `field`.
sub offer ($r) {
    my $json = eval { decode_json($r->{body}) } // {};
    $json->{field} = parse_challenge($r->{headers}{'www-authenticate'}[0]);
    return $json;
}

# `ok` for the upstream's content, else the reason; with the status, or "no
# challenge", where the two do not go together.
sub verdict ($r) {
    return 'no response' unless $r;
    return 'ok' if $r->{status} == 200
        && $r->{body} eq "content of the backend\n";
    my $offer = offer($r);
    my $word = $offer->{reason} // 'no reason';
    return "$r->{status} $word" if ($status{$word} // 0) != $r->{status};
    return $r->{status} == 402 && !$offer->{field} ? "$word, no challenge"
                                                   : $word;
}

# Each case: a name, the fields of a request (one, or a list), the word.
sub verdicts ($name, $connection, $path, @cases) {
    for (@cases) {
        my ($what, $fields, $word) = @$_;
        my $r = $connection->get($path, ref $fields ? @$fields : $fields);
        is(verdict($r), $word, "$name - $what");
    }
}

# The caveats of the token that is offered, with T for its end.
sub minted ($r) {
    my $field = offer($r)->{field} or return 'no challenge';
    return join ' | ', map { s/(valid_until)=\d{10}$/$1=T/r }
        read_token($field->{macaroon})->{caveats}->@*;
}

# An offer made good without paying: its token minted anew for a preimage that
# is known. For tests of what a token opens, where the gate's `ok` invoices
# have no preimage.
sub made_good ($r, $key = test_key(), %with) {
    my $m = read_token(offer($r)->{field}{macaroon});
    return 'Authorization: ' . credential(
        key => $key, token_id => $m->{token_id}, caveats => $m->{caveats},
        %with);
}

1;
