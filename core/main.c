#include "tidemill.h"

int main(int argc, char **argv)
{
	return tidemill_main(argc, argv);
}
