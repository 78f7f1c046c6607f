# l402_admin: what nginx -t takes, and what it says about the rest.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use L402::Conf;

my $zone = "$good_http\nl402_zone l402:1m;";
my $port = $ENV{TEST_NGINX_PORT} // 1984;
my $tcp = "listen 127.0.0.1:$port;";
my $paid = 'l402 weather; l402_price 10sat;';
my $at = sub { "location /l402/ {\n$_[0]\n}" };

# The server of these tests listens on a unix socket.
accepted('on a unix socket', http => $zone, server => $at->('l402_admin;'));

# ---- where it may stand ----

refused('a value', 'invalid number of arguments in "l402_admin" directive',
        http => $zone, server => $at->('l402_admin on; # here'));
refused('twice', '"l402_admin" directive is duplicate', http => $zone,
        server => $at->("l402_admin;\nl402_admin; # here"));
refused('in a server', '"l402_admin" directive is not allowed here',
        http => $zone, server => 'l402_admin; # here');
refused('in an if', '"l402_admin" directive is not allowed here',
        http => $zone,
        server => $at->("if (\$arg_a) {\nl402_admin; # here\n}"));
refused("in location $_->[0]",
        qq{"l402_admin" cannot stand in location "$_->[1]": paths follow the }
            . 'location\'s name, so it has to be a prefix such as "location '
            . '/l402/ { ... }"',
        http => $zone, server => "location $_->[0] {\nl402_admin; # here\n}")
    for ['= /l402/', '/l402/'], ['~ ^/l402/', '^/l402/'],
        ['~* l402', 'l402'], ['@l402', '@l402'];
accepted("in location $_", http => $zone,
         server => "location $_ { l402_admin; }")
    for '/', '/l402', '^~ /l402/';

my $itself = '"l402_admin" has location "/l402/" for itself, and another '
    . 'directive answers there: remove one of them';
refused('behind proxy_pass and before', $itself, http => $zone,
        server => $at->("l402_admin; # here\nproxy_pass http://127.0.0.1:1;"));
accepted('a nested location does not have it', http => "$good_http",
         server => 'location /l402/ { location /l402/x/ { } }');

# ---- what it needs ----

accepted('no zone', server => $at->('l402_admin;'));

# ---- not for sale ----

my $sold = '"l402_admin" cannot be sold, and "l402 weather" holds in location '
    . '"/l402/": add "l402 off" there';
refused('where something is sold', $sold, http => $zone,
        server => $at->("$paid\nl402_admin; # here"));
refused('where the server sells', $sold, http => "$zone\n$paid",
        server => $at->('l402_admin; # here'));
refused('where a limit_except sells', $sold, http => $zone,
        server => $at->("l402_admin; # here\nlimit_except GET { $paid }"));
accepted('where the server sells, but not here', http => "$zone\n$paid",
         server => $at->('l402_admin; l402 off;'));

# ---- open to all ----

my $open = '"l402_admin" in location "/l402/" is open to all: add "allow" and '
    . '"deny all", "auth_basic" or "auth_request", or let the server listen '
    . 'on a unix socket alone ("allow all" where something else keeps others '
    . 'out)';

sub open_to_all {
    my ($name, $location, %part) = @_;
    warned($name, [ $open ], http => $zone, %part,
           server => ($part{server} // $tcp)
               . $at->("l402_admin; # here\n$location"));
}

sub closed {
    my ($name, $location, %part) = @_;
    accepted($name, http => $zone, %part,
             server => ($part{server} // $tcp)
                 . $at->("l402_admin; $location"));
}

my $users = file('users', "me:{PLAIN}secret\n");

open_to_all('nothing keeps anybody out', '');
open_to_all('satisfy alone', 'satisfy any;');
open_to_all('on a unix socket, too', '', server => $tcp);
open_to_all('off', 'auth_request off;');
open_to_all('a limit_except for GET alone',
            'limit_except GET { deny all; }');
closed('allow and deny', 'allow 127.0.0.1; deny all;');
closed('an IPv6 rule', 'deny 2001:db8::/32;');
closed('a rule about unix sockets', 'deny unix:;');
closed('rules of the server', '', server => "$tcp allow 127.0.0.1; deny all;");
closed('rules of http', '', http => "$zone\ndeny all;");
closed('auth_basic', "auth_basic x; auth_basic_user_file $users;");
closed('auth_basic of the server', '',
       server => "$tcp auth_basic x; auth_basic_user_file $users;");
closed('auth_request', 'auth_request /auth;');
closed('an internal location', 'internal;');
closed('said to be open', 'allow all;');
closed('a limit_except for all that is not closed',
       'allow 127.0.0.1; deny all; limit_except GET { deny all; }');

# Other servers and their sockets do not count.
accepted('another server listens', conf => <<"END");
$zone
server { $tcp location / { } }
server { listen unix:@{[ dir() ]}/socket; @{[ $at->('l402_admin;') ]} }
END

my $cert = file('cert.pem', '');
SKIP: {
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        . " -nodes -subj /CN=localhost -days 30 -keyout $cert.key"
        . " -out $cert 2>/dev/null") == 0 or skip 'no openssl', 3;
    my $tls = "listen 127.0.0.1:@{[ $port + 1 ]} ssl; ssl_certificate $cert;"
        . " ssl_certificate_key $cert.key; ssl_client_certificate $cert;";
    closed('client certificates', '', server => "$tls ssl_verify_client on;");
    open_to_all('certificates that are optional', '',
                server => "$tls ssl_verify_client optional;");
    open_to_all('client certificates, and a port without TLS', '',
                server => "$tls $tcp ssl_verify_client on;");
}

done_testing();
