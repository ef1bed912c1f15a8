/* libmodbus as a peer: a slave with a few registers, or a master that asks as fast as it can.
 *
 *   slave rtu DEVICE BAUD UNIT | slave tcp PORT UNIT      prints "ready", serves until it is killed
 *   master tcp PORT UNIT COUNT                            reads 10 holding registers COUNT times; prints seconds
 *
 * Input register and holding register n hold 1000 + n, coil and input n are on where n is even.
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 100, ASKED = 10 };

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

static int serve(modbus_t *context) {
    uint8_t query[MODBUS_MAX_ADU_LENGTH];
    modbus_mapping_t *mapping = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    for (int n = 0; n < SIZE; n++) {
        mapping->tab_registers[n] = mapping->tab_input_registers[n] = 1000 + n;
        mapping->tab_bits[n] = mapping->tab_input_bits[n] = n % 2 == 0;
    }
    for (;;) {
        int length = modbus_receive(context, query);
        if (length > 0) {
            modbus_reply(context, query, length, mapping);
        } else if (length == -1 && errno != EMBBADCRC && errno != ETIMEDOUT) {
            return 0;
        }
    }
}

static int slave(int argc, char **argv) {
    if (strcmp(argv[2], "rtu") == 0) {
        modbus_t *context = modbus_new_rtu(argv[3], atoi(argv[4]), 'N', 8, 1);
        modbus_set_slave(context, atoi(argv[5]));
        if (modbus_connect(context) == -1) fail(argv[3]);
        puts("ready");
        fflush(stdout);
        return serve(context);
    }
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(argv[3]));
    int listener = modbus_tcp_listen(context, 1);
    if (listener == -1) fail(argv[3]);
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (modbus_tcp_accept(context, &listener) == -1) fail("accept");
        serve(context);
        modbus_close(context);
    }
}

static int master(int argc, char **argv) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", atoi(argv[3]));
    uint16_t registers[ASKED];
    struct timespec begin, end;
    modbus_set_slave(context, atoi(argv[4]));
    if (modbus_connect(context) == -1) fail("connect");
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int left = atoi(argv[5]); left > 0; left--)
        if (modbus_read_registers(context, 0, ASKED, registers) != ASKED) fail("read");
    clock_gettime(CLOCK_MONOTONIC, &end);
    clock_t cpu = clock();
    printf("%f %f\n", (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9, (double)cpu / CLOCKS_PER_SEC);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 5 && strcmp(argv[1], "master") == 0) return master(argc, argv);
    if (argc > 4 && strcmp(argv[1], "slave") == 0) return slave(argc, argv);
    fprintf(stderr, "see the head of libmodbus.c\n");
    return 2;
}
