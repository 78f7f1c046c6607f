# l402_redis: what nginx -t takes, and what it says about the rest.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use L402::Conf;

my $zone = 'l402_zone l402:1m;';
my $url = 'url redis://127.0.0.1:1;';
my $tls = 'url rediss://127.0.0.1:1;';
my $dir = dir();
my $password = file('password', "swordfish\n");

sub block {
    return join "\n", $zone, 'l402_redis {', @_, '}';
}

# The line that is complained about is among the block's.
sub bad {
    my ($test, $message, @lines) = @_;
    refused($test, $message, conf => block(@lines));
}

# It is that of the block.
sub bad_block {
    my ($test, $message, @lines) = @_;
    refused($test, $message,
            conf => join "\n", $zone, 'l402_redis { # here', @lines, '}');
}

sub good {
    my ($test, @lines) = @_;
    accepted($test, conf => block(@lines));
}

# ---- the block ----

good('no more than a url', $url);
good('everything', 'url rediss://127.0.0.1:1/2;', 'username shop;',
     "password_file $password;", 'prefix shop:;', 'timeout 1s;', 'resync 5m;');

refused('twice', '"l402_redis" is duplicate, there can be one',
        conf => block($url) . "\nl402_redis { # here\n$url\n}");
refused('with a name', 'invalid number of arguments in "l402_redis" directive',
        conf => "l402_redis name { # here\n$url\n}");
refused('in a server', '"l402_redis" directive is not allowed here',
        server => "l402_redis { # here\n$url\n}");
accepted('without a zone', conf => "l402_redis {\n$url\n}");

my $words = 'url, username, password_file, sentinel_password_file, ca_file, '
    . 'verify, prefix, timeout, resync';

bad('an unknown word', 'unknown directive "host" in l402_redis, it must be one '
    . "of: $words", $url, 'host redis; # here');
bad('a password', 'unknown directive "password" in l402_redis: a password '
    . 'stands in a file that others cannot read, named with "password_file"',
    $url, 'password swordfish; # here');
bad('two values', 'invalid number of arguments in "prefix" of l402_redis, it '
    . 'takes one', $url, 'prefix a b; # here');
bad('no value', 'invalid number of arguments in "prefix" of l402_redis, it '
    . 'takes one', $url, 'prefix; # here');
bad('two urls', '"url" is duplicate in l402_redis', $url,
    'url redis://127.0.0.1:2; # here');
bad_block('no url', 'l402_redis has no "url", such as '
          . '"url redis://127.0.0.1:6379"', 'prefix a:;');

# ---- url ----

my $forms = '"redis://host:port", "rediss://host:port", "unix:/path" or '
    . '"sentinel://host:port,host:port/name" is right';
my $secret = 'has a user or a password in it, where others can read it: they '
    . 'belong into "username" and the file of "password_file"';

for (
    ['127.0.0.1:6379', "is no address of a Redis: $forms"],
    ['http://127.0.0.1', "is no address of a Redis: $forms"],
    ['redis://', "has no host, or one that cannot be: $forms"],
    ['redis://127.0.0.1:0', "has no host, or one that cannot be: $forms"],
    ['redis://127.0.0.1/x', 'has a database that is no number'],
    ['unix:redis.sock', 'has no absolute path of up to 107 characters behind '
     . '"unix:"'],
    ['unix:/' . 'a' x 107, 'has no absolute path of up to 107 characters '
     . 'behind "unix:"'],
    ['unix:/a?b', 'goes on after its path: "unix:/path?db=1" is right'],
    ['sentinel://127.0.0.1', 'has no name of the master, as the Sentinels know '
     . 'it: "sentinel://host:port,host:port/name" is right'],
) {
    my ($value, $what) = @$_;
    bad("url $value", qq{invalid value "$value" in "url" of l402_redis: $what},
        "url $value; # here");
}

bad('a password in the url', 'invalid value "redis://***@127.0.0.1" in "url" '
    . "of l402_redis: $secret", 'url redis://me:swordfish@127.0.0.1; # here');

good("url $_", "url $_;")
    for 'redis://127.0.0.1', 'redis://[::1]:6379/1', 'unix:/run/redis.sock',
        'unix:/run/redis.sock?db=3', 'rediss://127.0.0.1:6380',
        'sentinel://127.0.0.1,127.0.0.2:5/shop', 'redis://localhost',
        'sentinels://127.0.0.1/shop/2';

warned('a name that cannot be found',
       ['l402_redis: the host "redis.invalid" cannot be found now; without a '
        . '"resolver" in http {} it is not looked up again until a reload'],
       conf => join "\n", $zone, 'l402_redis { # here',
               'url redis://redis.invalid;', '}');
accepted('a name that a resolver will find',
         conf => block('url redis://redis.invalid;')
             . "\nresolver 127.0.0.1:1;");

# ---- who is let in ----

bad('a password file that is not there', qq{password_file: cannot open "$dir/}
    . 'none" (2: No such file or directory)', $url,
    "password_file $dir/none; # here");
bad('one that others can read', 'password_file: "' . file('open', 'a', 0644)
    . '" can be read or written by others; "chmod o-rwx" it', $url,
    "password_file $dir/open; # here");
bad('one that is empty', 'password_file: "' . file('empty', "\n")
    . '" is empty, it must hold the password on one line', $url,
    "password_file $dir/empty; # here");
bad('one of two lines', 'password_file: "' . file('two', "a\nb\n")
    . '" must hold the password on one line', $url,
    "password_file $dir/two; # here");
bad('a user without a name', 'invalid value "" in "username" of l402_redis, it '
    . 'must not be empty', $url, 'username ""; # here');
bad_block('a user without a password', '"username" in l402_redis needs a '
          . '"password_file"', $url, 'username shop;');
bad_block('a password for no Sentinel', '"sentinel_password_file" in '
          . 'l402_redis has no use: its "url" names no Sentinel', $url,
          "sentinel_password_file $password;");
good('a password for Sentinels', 'url sentinel://127.0.0.1/a;',
     "sentinel_password_file $password;");

# ---- TLS ----

my $other = file('other', "no certificate\n");

bad_block("$_ without TLS", qq{"$_" in l402_redis has no use without TLS: }
          . '"rediss://" or "sentinels://" in "url" asks for it', $url,
          "$_ on;")
    for 'verify';
bad('a verify that is neither', 'invalid value "yes" in "verify" of '
    . 'l402_redis, it must be "on" or "off"', $tls, 'verify yes; # here');
bad('a ca_file without a certificate', qq{ca_file: "$other" holds no PEM }
    . 'certificate ("-----BEGIN CERTIFICATE-----")', $tls,
    "ca_file $other; # here");
warned('verify off',
       ['"verify off" in l402_redis: anybody between nginx and Redis can take '
        . 'its password, and end or renew tokens; give the certificate of its '
        . 'authority with "ca_file" instead'],
       conf => block($tls, 'verify off; # here'));

# ---- the rest ----

bad("prefix \"$_\"", qq{invalid value "$_" in "prefix" of l402_redis, it must }
    . 'be 1 to 64 printable characters such as "l402:"', $url,
    "prefix \"$_\"; # here") for '', 'a b', 'a' x 65, "\xc3\xa4";
good("prefix $_", $url, "prefix $_;") for 'a', 'a' x 64, '"{l402}:"';

bad("timeout $_", qq{invalid value "$_" in "timeout" of l402_redis, it must }
    . 'be a time from 1ms to 1m such as "500ms"', $url, "timeout $_; # here")
    for qw(0 61s x -1);
bad("resync $_", qq{invalid value "$_" in "resync" of l402_redis, it must be }
    . 'a time from 1s to 1d such as "60s"', $url, "resync $_; # here")
    for qw(0 999ms 2d x);
good("$_", $url, "$_;") for 'timeout 1ms', 'timeout 1m', 'resync 1s',
    'resync 1d';

done_testing();
