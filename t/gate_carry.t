# What a redirect carries over: a verified credential, and nothing else. A
# request that was let in for nothing is decided anew where it lands.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $files = <<'END';
>>> dear/a.txt
the secret
>>> inner/a.txt
the secret
>>> news/a.txt
the secret
>>> high/a.txt
the secret
END

# Where requests come from; $upstream answers with an X-Accel-Redirect.
our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $targets = <<'END';
    location /dear/ { l402 weather; l402_price 10sat; }
    location /inner/ { internal; l402 weather; l402_price 10sat; }
    location /news/ { l402 news; l402_price 20sat; }
    location /inner_news/ {
        internal; l402 news; l402_price 20sat; alias html/news/;
    }
    location @news {
        l402 news;
        l402_price 20sat;
        rewrite ^ /news/a.txt break;
    }
    location /high/ { l402 weather:2; l402_price 30sat; }
    location /inner_high/ {
        internal; l402 weather:2; l402_price 30sat; alias html/high/;
    }
END

sub to ($path) { "?header=X-Accel-Redirect:$path" }

sub refused ($name, $path, $reason, @headers) {
    my $invoices = invoices_made();
    my $r = connection()->get($path, @headers);
    is($r && $r->{status}, 402, "$name - $path - 402");
    like($r->{body}, qr/"reason":"$reason"/, "$name - $path - the reason");
    unlike($r->{body}, qr/secret/, "$name - $path - no content");
    is(invoices_made() - $invoices, 1, "$name - $path - one invoice");
    return parse_challenge($r->{headers}{'www-authenticate'}[0]);
}

sub let_in ($name, $path, @headers) {
    my $invoices = invoices_made();
    my $r = connection()->get($path, @headers);
    is($r && $r->{status}, 200, "$name - $path - 200");
    is($r->{body}, "the secret\n", "$name - $path - content");
    is(invoices_made() - $invoices, 0, "$name - $path - not asked to pay");
}

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: free by its price: decided anew
--- config eval
$main::targets . <<"END";
    location /free/ { l402 weather; l402_price 0; $main::upstream }
    location /free_try/ { l402 weather; l402_price 0;
                          try_files /none /dear/a.txt; }
    location /free_named/ { l402 weather; l402_price 0;
                            try_files /none \@news; }
    location /free_error/ { l402 weather; l402_price 0;
                            error_page 404 = /dear/a.txt; }
    location /free_page/ { l402 weather; l402_price 0; index /dear/a.txt; }
END
--- user_files eval: $main::files
--- script
main::refused($name, "/free/" . main::to($_), 'absent')
    for qw(/dear/a.txt /inner/a.txt /news/a.txt /inner_news/a.txt);
main::refused($name, $_, 'absent')
    for qw(/free_try/ /free_named/ /free_error/ /free_page/);
--- backend: 4



=== TEST 2: and paid for in one, it is paid for in the other
--- script
my @paid = ('Authorization: ' . credential());
main::let_in($name, "/free/" . main::to($_), @paid)
    for qw(/dear/a.txt /inner/a.txt);
main::let_in($name, $_, @paid) for qw(/free_try/ /free_error/ /free_page/);
--- backend: 2
--- backend_unlike
Authorization



=== TEST 3: let in by satisfy any: decided anew
--- config eval
$main::targets . <<"END";
    location /any/ {
        satisfy any; allow 127.0.0.1;
        l402 weather; l402_price 10sat; $main::upstream
    }
    location /any_try/ {
        satisfy any; allow 127.0.0.1;
        l402 weather; l402_price 10sat; try_files /none /dear/a.txt;
    }
    location /any_named/ {
        satisfy any; allow 127.0.0.1;
        l402 weather; l402_price 10sat; try_files /none \@news;
    }
END
--- user_files eval: $main::files
--- script
main::refused($name, "/any/" . main::to($_), 'absent')
    for qw(/dear/a.txt /inner/a.txt /news/a.txt /inner_news/a.txt);
main::refused($name, $_, 'absent') for qw(/any_try/ /any_named/);
--- backend: 4



=== TEST 4: open to all: decided where it lands
--- config eval
$main::targets . <<"END";
    location /open/ { $main::upstream }
    location /open_try/ { try_files /none /dear/a.txt; }
END
--- user_files eval: $main::files
--- script
main::refused($name, "/open/" . main::to('/dear/a.txt'), 'absent');
main::refused($name, "/open/" . main::to('/inner/a.txt'), 'absent');
main::refused($name, '/open_try/', 'absent');
main::let_in($name, '/open_try/', 'Authorization: ' . credential());
--- backend: 2



=== TEST 5: paid for one service, it lands in another's
--- config eval
$main::targets . <<"END";
    location /weather/ { l402 weather; l402_price 10sat; $main::upstream }
    location /weather_named/ { l402 weather; l402_price 10sat;
                               try_files /none \@news; }
    location /weather_try/ { l402 weather; l402_price 10sat;
                             try_files /none /news/a.txt; }
END
--- user_files eval: $main::files
--- script
my @paid = ('Authorization: ' . credential());
my @hex = ('Macaroon: ' . hex_credential());
for my $headers (\@paid, \@hex) {
    my $challenge = main::refused(
        $name, '/weather/' . main::to('/news/a.txt'), 'wrong_service',
        @$headers);
    like($challenge->{invoice}, qr/^lnbcrt200n/, "$name - at its own price");
    main::refused($name, '/weather_try/', 'wrong_service', @$headers);
    main::let_in($name, '/weather/' . main::to('/inner_news/a.txt'),
                 @$headers);
    main::let_in($name, '/weather_named/', @$headers);
}

# One token may be good for both.
my @both = ('Authorization: ' . credential(
    caveats => [ 'services=weather:0,news:0' ]));
main::let_in($name, '/weather/' . main::to('/news/a.txt'), @both);
main::let_in($name, '/weather_try/', @both);
--- backend: 5



=== TEST 6: paid for a lower tier, it lands in a higher one
--- config eval
$main::targets . <<"END";
    location /weather/ { l402 weather; l402_price 10sat; $main::upstream }
    location /weather_try/ { l402 weather; l402_price 10sat;
                             try_files /none /high/a.txt; }
END
--- user_files eval: $main::files
--- script
my @low = ('Authorization: ' . credential());
my @high = ('Authorization: ' . credential(tier => 2));
my $challenge = main::refused(
    $name, '/weather/' . main::to('/high/a.txt'), 'insufficient', @low);
like($challenge->{invoice}, qr/^lnbcrt300n/, "$name - at its own price");
main::refused($name, '/weather_try/', 'insufficient', @low);
main::let_in($name, '/weather/' . main::to('/inner_high/a.txt'), @low);
main::let_in($name, '/weather/' . main::to('/high/a.txt'), @high);
main::let_in($name, '/weather_try/', @high);
--- backend: 3



=== TEST 7: a refused credential carries nothing over
--- config eval
$main::targets . <<"END";
    location /free/ { l402 weather; l402_price 0; $main::upstream }
    location /open/ { $main::upstream }
END
--- user_files eval: $main::files
--- script
for (['expired', caveats => ['services=weather:0',
                             'weather_valid_until=1000000000']],
     ['bad_signature', key => '00' x 32],
     ['bad_preimage', payment_hash => '11' x 32]) {
    my ($reason, @with) = @$_;
    my @headers = ('Authorization: ' . credential(@with));
    for my $path (qw(/dear/a.txt /inner/a.txt)) {
        main::refused($name, '/free/' . main::to($path), $reason, @headers);
        main::refused($name, '/open/' . main::to($path), $reason, @headers);
    }
}
--- backend: 12



=== TEST 8: free where it lands
--- config eval
<<"END";
    location /open/ { $main::upstream }
    location /weather/ { l402 weather; l402_price 10sat; $main::upstream }
    location /dear/ { l402 news; l402_price 0; }
END
--- user_files eval: $main::files
--- script
main::let_in($name, '/open/' . main::to('/dear/a.txt'));
main::let_in($name, '/weather/' . main::to('/dear/a.txt'),
             'Authorization: ' . credential());
--- backend: 2
