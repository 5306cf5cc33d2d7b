// Included before py/vm.c, whose loop is a switch on the next bytecode where there are no computed gotos
// (variants/unix/mpconfigvariant.h): a tick before each.
void faults_bytecode(void);
#define switch(bytecode) switch (faults_bytecode(), (bytecode))
