# A port that leads to a node while it is open, and to nobody while it is
# closed.

package L402::Relay;

use v5.36;
use IO::Select;
use IO::Socket::INET;

# Chooses a port; nobody listens there yet.
sub new ($class, $url) {
    my ($target) = $url =~ m{^https?://([\d.]+:\d+)} or die "relay: $url\n";
    my $listener = IO::Socket::INET->new(
        Listen => 1, LocalAddr => '127.0.0.1', ReuseAddr => 1)
        or die "relay: $!\n";
    return bless { port => $listener->sockport, target => $target }, $class;
}

sub open ($self) {
    my $listener = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', LocalPort => $self->{port},
        ReuseAddr => 1) or die "relay: $!\n";
    my $parent = $$;
    $self->{pid} = fork() // die "relay: $!\n";
    return if $self->{pid};

    require POSIX;
    $SIG{TERM} = sub { POSIX::_exit(0) };
    $SIG{PIPE} = 'IGNORE';
    eval { serve($listener, $self->{target}, $parent) };
    POSIX::_exit(0);
}

sub close ($self) {
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    local $?;
    waitpid $pid, 0;
}

sub DESTROY ($self) { $self->close }

sub serve ($listener, $target, $parent) {
    my $select = IO::Select->new($listener);
    my %peer;

    while (getppid == $parent) {
        for my $socket ($select->can_read(1)) {
            if ($socket == $listener) {
                my $client = $listener->accept or next;
                my $node = IO::Socket::INET->new(PeerAddr => $target) or next;
                @peer{$client, $node} = ($node, $client);
                $select->add($client, $node);
                next;
            }
            my $other = $peer{$socket} or next;
            my $n = sysread $socket, my $data, 65536;
            next if $n && syswrite $other, $data;
            $select->remove($socket, $other);
            delete @peer{$socket, $other};
            CORE::close $_ for $socket, $other;
        }
    }
}

1;
