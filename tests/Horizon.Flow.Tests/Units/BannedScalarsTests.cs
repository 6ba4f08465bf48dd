using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using Mono.Cecil;
using Mono.Cecil.Rocks;

namespace Horizon.Flow.Tests.Units;

/// <summary>
/// What of TorchSharp makes a native scalar that nobody owns, found in its code: a new version may add some, and a caller that no analyzer
/// looked at may use one.
/// </summary>
public class BannedScalarsTests
{
    private static readonly string[] Types =
    [
        "TorchSharp.Scalar", "TorchSharp.ScalarExtensionMethods", "TorchSharp.TensorExtensionMethods", "TorchSharp.torch", "TorchSharp.torch/Tensor",
        "TorchSharp.torch/linalg", "TorchSharp.torch/special", "TorchSharp.torch/nn/functional", "TorchSharp.torch/nn/utils",
    ];

    private static readonly ModuleDefinition TorchSharpModule = ModuleDefinition.ReadModule(typeof(TorchSharp.torch).Assembly.Location);
    private static readonly HashSet<string> Makers = FindMakers();

    [Fact]
    public void List_OfBannedSymbols_NamesAllThatMakeAScalarInside()
    {
        var listed = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "BannedSymbols.Scalars.txt")).Select(line => line.Split(';')[0]).ToHashSet();
        var missing = Methods(TorchSharpModule).Where(method => method.IsPublic && Types.Contains(method.DeclaringType.FullName) && Makers.Contains(method.FullName))
            .Select(DocCommentId.GetDocCommentId).Where(id => !listed.Contains(id)).Order(StringComparer.Ordinal);
        Assert.Empty(missing);
    }

    [Theory]
    [InlineData(typeof(TensorArithmetic))]
    [InlineData(typeof(RotaryEmbedding))]
    public void Libraries_BesideTensorArithmetic_CallNoneOfThem(Type inside)
    {
        using var module = ModuleDefinition.ReadModule(inside.Assembly.Location);
        var calls = from method in Methods(module)
                    where method.HasBody && method.DeclaringType.Name != nameof(TensorArithmetic)
                    from called in Called(method)
                    where Makers.Contains(called)
                    select $"{method.FullName} calls {called}";
        Assert.Empty(calls);
    }

    // Those that make one, and those that call them. A script's call makes one for each argument that is a number; none here is.
    private static HashSet<string> FindMakers()
    {
        var makers = Methods(TorchSharpModule).Where(method => method.ReturnType.FullName == "TorchSharp.Scalar" && method.Name is "op_Implicit" or "ToScalar")
            .Select(method => method.FullName).ToHashSet();
        var bodies = Methods(TorchSharpModule).Where(method => method.HasBody && method.DeclaringType.FullName != "TorchSharp.torch/jit/ScriptModule")
            .Select(method => (method.FullName, Called: Called(method).ToList())).ToList();
        while (bodies.Count(body => body.Called.Any(makers.Contains) && makers.Add(body.FullName)) > 0)
        {
        }

        return makers;
    }

    private static IEnumerable<MethodDefinition> Methods(ModuleDefinition module) => module.GetAllTypes().SelectMany(type => type.Methods);

    private static IEnumerable<string> Called(MethodDefinition method) =>
        method.Body.Instructions.Select(instruction => instruction.Operand).OfType<MethodReference>().Select(called => called.FullName);
}
